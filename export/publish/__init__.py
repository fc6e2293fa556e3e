"""A version of the model repository: measured, and written whole or not at all."""
