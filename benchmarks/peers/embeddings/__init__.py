"""Embeddings: the service against Infinity."""
