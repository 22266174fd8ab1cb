"""The reference adapter: collections in memory, written to be read."""
