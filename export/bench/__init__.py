"""Models side by side on a user's texts: how often they are right, how large, how fast."""
