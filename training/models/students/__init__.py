"""The students' own architectures."""
