"""Embedders: how a model's states become one vector of a text, as its owner's files say."""
