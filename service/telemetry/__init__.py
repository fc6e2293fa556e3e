"""What is recorded of requests, and who reads it."""
