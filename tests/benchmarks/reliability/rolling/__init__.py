"""The rolling update."""
