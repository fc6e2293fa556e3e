"""Texts whose parts have labels: entities, as their files have them and as spans of characters."""
