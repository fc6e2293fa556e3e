"""A load test from beginning to end: the service looked at, runs, searches, limits."""
