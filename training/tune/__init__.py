"""The search for better values of a recipe."""
