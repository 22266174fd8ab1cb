"""Which documents of a collection does a call reach, by whom it is made for? Record-level security."""
