"""Results keyed by the content of what they were made of."""
