"""PyTorch's own dynamic INT8: weights in 8 bits, each batch's activations by their own range.

Its linear and recurrent layers, and no others: neither embedding tables nor convolutions.
"""

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy.typing as npt
import torch
from torch import nn

from export.errors import ExportError

LAYERS = (nn.Linear, nn.LSTM, nn.GRU)

ModelT = TypeVar("ModelT", bound=nn.Module)


def torch_int8(model: ModelT) -> ModelT:
    """A copy of a model with its linear and recurrent layers in INT8.

    Raises:
        ExportError: it has none, or this release of PyTorch cannot do it on this machine.
    """
    refuse_torch_int8(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it will go; where it is gone, that is told
        try:
            quantize: Any = torch.ao.quantization.quantize_dynamic
            made: ModelT = quantize(model, set(LAYERS), dtype=torch.qint8).eval()
        except (AttributeError, ImportError, NotImplementedError, RuntimeError) as error:
            raise ExportError(
                f"PyTorch {torch.__version__} makes no dynamic INT8 on this machine ({error}): "
                "take a release that has torch.ao.quantization.quantize_dynamic"
            ) from error
    return made


def refuse_torch_int8(model: nn.Module) -> None:
    """Raises ExportError for a model without a layer of which PyTorch has a dynamic INT8."""
    if not any(isinstance(module, LAYERS) for module in model.modules()):
        names = ", ".join(f"nn.{layer.__name__}" for layer in LAYERS)
        raise ExportError(f"it has no layer that PyTorch has a dynamic INT8 of ({names})")


def saved_bytes(model: nn.Module) -> int:
    """What `torch.save` makes of a model's weights."""
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    return buffer.tell()


class _Input(NamedTuple):
    name: str


class TorchSession:
    """A torch model as the service's runtime runs a graph; see `service.runtime.engine.Session`.

    Args:
        inputs: that it is fed.
    """

    def __init__(self, model: nn.Module, inputs: Sequence[str]) -> None:
        self._model = model
        self._inputs = [_Input(name) for name in inputs]

    def get_inputs(self) -> Sequence[_Input]:
        """The inputs that it takes."""
        return self._inputs

    def run(
        self,
        outputs: Sequence[str] | None,  # noqa: ARG002  it has one
        feed: Mapping[str, npt.NDArray[Any]],
    ) -> Sequence[Any]:
        """The logits, (batch, labels)."""
        tensors = {name: torch.from_numpy(values) for name, values in feed.items()}
        with torch.inference_mode():
            return [self._model(**tensors).logits.float().numpy()]
