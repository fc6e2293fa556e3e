"""The Open Inference Protocol over gRPC: the same core as over HTTP, on a port of its own."""
