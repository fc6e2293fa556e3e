"""A graph in INT8."""
