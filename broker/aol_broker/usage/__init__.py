"""Who uses what? Counters of calls by service, collection, verb, path and hour; never of a value."""
