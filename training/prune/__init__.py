"""Cuts an encoder as a recipe's `[pruning]` says."""
