"""Encoders of a base's own family that are shallower or narrower than it."""
