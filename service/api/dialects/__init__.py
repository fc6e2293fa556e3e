"""The APIs that the service speaks, each a thin adapter over the same core."""
