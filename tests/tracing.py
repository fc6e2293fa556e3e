"""What torch's exporter needs each time, and tests that trace a hundred models need once."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from unittest.mock import patch

from torch.onnx._internal.exporter._registration import ONNXRegistry


@contextmanager
def registry_kept() -> Iterator[None]:
    """Makes the table of operators once in a process: that takes over a second of each trace."""
    once = staticmethod(cache(ONNXRegistry.from_torchlib))
    with patch.object(ONNXRegistry, "from_torchlib", once):
        yield
