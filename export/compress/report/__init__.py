"""What a compression found, as one page and as JSON."""
