"""How each task is exported: its graph, what is measured of it, and what it may lose."""
