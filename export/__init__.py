"""Export: a checkpoint in, a model repository entry out."""

import os

# Before anything imports ONNX Runtime, which reports home unless this is set by then.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
