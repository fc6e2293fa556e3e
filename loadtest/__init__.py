"""Load tests: HTTP in, a report out. Imports nothing of the other stages."""
