"""Counting while a run lasts, and the results that are made of the counts."""
