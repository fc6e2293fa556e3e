"""What an exported model lost, and what it may lose."""
