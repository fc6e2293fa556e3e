"""Faults, each a function: it starts a service, puts a load on it, and does it harm."""
