"""Where a model computes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel


@contextmanager
def on_fastest_device(model: PreTrainedModel) -> Iterator[None]:
    """Has a model on the GPU while the context lasts, where there is one."""
    if not torch.cuda.is_available():
        yield
        return
    before = next(model.parameters()).device
    model.to("cuda")  # type: ignore[arg-type]  # transformers wraps it untyped
    try:
        yield
    finally:
        model.to(before)  # type: ignore[arg-type]
