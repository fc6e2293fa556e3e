"""Text: read, split, cut and altered."""
