"""What the pipeline takes for large data: memory, and time until training begins."""
