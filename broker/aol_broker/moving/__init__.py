"""How does a collection move to another adapter? It is copied while nobody writes, compared, and then switched over."""
