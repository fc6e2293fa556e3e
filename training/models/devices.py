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


def fast_bf16() -> bool:
    """Whether this machine multiplies faster in bfloat16: a GPU, or a CPU with its own units."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Older releases cannot tell; what oneDNN takes may be emulated, and slower.
    features: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(features.get("amx_bf16") or features.get("avx512_bf16"))
