"""Who is let in, when, and in which batch."""
