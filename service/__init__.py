"""HTTP inference service: a model repository in, predictions out. Knows no torch."""
