"""The servers that are compared: set up, started, stopped, and ONNX Runtime alone."""
