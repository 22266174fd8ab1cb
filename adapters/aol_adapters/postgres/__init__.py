"""The PostgreSQL adapter: a schema a service, a table a collection, documents as `jsonb`."""
