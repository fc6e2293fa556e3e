"""The service under test: where it runs, its process, and HTTP to it."""
