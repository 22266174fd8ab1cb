"""Who touched what, when, by what right? Every call leaves a record before its answer leaves."""
