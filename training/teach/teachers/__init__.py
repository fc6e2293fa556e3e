"""Whoever says what a text is worth: checkpoints, published versions, files of soft labels."""
