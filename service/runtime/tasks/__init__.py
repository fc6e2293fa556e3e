"""What models are for: how inputs are encoded, what outputs mean, how sure they are."""
