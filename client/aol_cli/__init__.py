"""The `aol` command: runs a broker, and asks one things."""
