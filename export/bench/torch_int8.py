"""PyTorch's own dynamic INT8: weights in 8 bits, each batch's activations by their own range."""

import warnings
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from export.bench.loading import Loaded
from export.bench.weights import counted_in_modules, saved_bytes
from export.errors import ExportError
from training.models.checkpoint import Checkpoint

LAYERS = {nn.Linear, nn.LSTM, nn.GRU}


def in_torch_int8(loaded: Loaded) -> Loaded:
    """A checkpoint with its linear and recurrent layers in INT8, as a model of its own.

    Raises:
        ExportError: this release of PyTorch has no such thing, or cannot do it here.
    """
    assert isinstance(loaded.model, Checkpoint)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it will go; where it is gone, that is told
        try:
            quantize: Any = torch.ao.quantization.quantize_dynamic
            model = quantize(loaded.model.model, LAYERS, dtype=torch.qint8)
        except (AttributeError, ImportError, NotImplementedError, RuntimeError) as error:
            raise ExportError(
                f"PyTorch {torch.__version__} makes no dynamic INT8 of {loaded.title} on this "
                f"machine ({error}): leave out --torch-int8, or take a release that has "
                "torch.ao.quantization.quantize_dynamic"
            ) from error
        return replace(
            loaded,
            title=f"{loaded.title} (torch INT8)",
            model=replace(loaded.model, model=model.eval()),
            precision="int8, dynamic",
            bytes=saved_bytes(model),
            counted=loaded.counted._replace(sparsity=counted_in_modules(model)),
        )
