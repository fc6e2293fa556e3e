"""Looks for the cheapest candidate that keeps the promise, within a budget of time."""
