"""HTTP inference service: a model repository in, predictions out. Knows no torch."""

import os

# Before anything imports ONNX Runtime, which reports home unless this is set by then.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
