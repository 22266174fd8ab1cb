"""The MongoDB adapter: documents as documents, with the broker's semantics."""
