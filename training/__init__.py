"""Training: text in, a checkpoint directory out. Knows nothing of ONNX or HTTP."""
