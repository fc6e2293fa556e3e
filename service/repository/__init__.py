"""What lies on disk: formats, hashes, reading them."""
