"""The SQLite adapter: one database file a service, on apsw. `python -m aol_adapters.sqlite --data-dir DIR` runs it."""
