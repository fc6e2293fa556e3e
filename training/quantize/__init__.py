"""Training that knows the arithmetic which a model will be exported in."""
