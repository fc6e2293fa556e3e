"""What was found, shown: on the terminal, as JSON, as HTML, and beside another."""
