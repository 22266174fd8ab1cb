"""The broker: it names, permits, records and hands on every call; it keeps no data of its own."""
