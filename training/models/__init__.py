"""The model architectures that training builds and export reads."""
