"""What stands around every request: its id and key, its bounds, its record."""
