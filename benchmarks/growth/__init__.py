"""How throughput grows: with cores, text length, batch, classes and loaded models."""
