"""What does SQLite store? The types of values that are bound and read."""

SqlValue = None | int | float | str | bytes
