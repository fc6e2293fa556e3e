"""How this project's own figures are made. Not installed: `python -m benchmarks` in a checkout.

Speaks to services over HTTP and starts them by their commands; of ours it imports `loadtest`.
"""

import os

# ONNX Runtime reports to its maker unless it is told not to before it is imported. The processes
# that are started from here inherit it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
