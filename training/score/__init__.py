"""Scores of predictions, and what is fitted on them. Numbers alone; no torch."""
