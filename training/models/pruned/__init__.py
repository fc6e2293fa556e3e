"""Encoders with fewer heads and neurons than their family's config can say."""
