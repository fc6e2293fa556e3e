"""What a compression found: its verdict, what should worry a reader, one page, and JSON."""
