"""Questions put on the service as ordered, and the count of what became of them."""
