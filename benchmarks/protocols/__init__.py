"""What each protocol costs: the same texts to the same service, over gRPC and over HTTP."""
