"""The results as a page and as a picture."""
