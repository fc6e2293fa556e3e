"""A checkpoint's model as an ONNX graph: token ids in, one output.

Whatever the architecture: `input_ids`, `attention_mask` and, where they are asked for,
`token_type_ids`, int64 (batch, time), both axes dynamic; of a classifier to `logits`, float32
(batch, labels), or of each token (batch, time, labels).
"""

import hashlib
import logging
import warnings
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from transformers import PreTrainedModel

from export.errors import ExportError
from export.graph.attention import written_out
from export.graph.attention_mask import finite_masks
from export.graph.building import FloatArray
from export.graph.files import is_large
from export.graph.first_token import first_token_alone
from export.graph.students.bilstm import bilstm_graph
from export.graph.students.linear import linear_graph
from export.graph.students.nano import nano_graph
from export.graph.token_types import one_type
from training.models.students.bilstm import BiLstm
from training.models.students.linear import LinearForSequenceClassification
from training.models.students.nano import NanoForSequenceClassification

INPUTS = ("input_ids", "attention_mask")
TYPE_IDS = "token_type_ids"
WINDOWED = ("longformer", "led", "reformer")
KEPT_BYTES = 500_000_000  # of weights; a larger graph is traced again
NARROW_FROM_BYTES = 4096  # smaller tensors are not worth a node

_newest: dict[tuple[Any, ...], onnx.ModelProto] = {}  # of one model, as long as no other comes

Stored = tuple[dict[str, npt.NDArray[np.generic]], list[onnx.NodeProto]]


def to_onnx(
    model: PreTrainedModel, *, pinned: bool = False, token_types: bool = False
) -> onnx.ModelProto:
    """Exports a classifier of texts or of tokens in FP32.

    Args:
        pinned: a Bi-LSTM's activations get fixed ranges (`export.graph.students.pinning`); it
            computes the same.
        token_types: an encoder takes `token_type_ids` too.

    Raises:
        ExportError: the architecture has no ONNX export.
    """
    if isinstance(model, BiLstm):
        return bilstm_graph(model, pinned=pinned)
    if isinstance(model, NanoForSequenceClassification):
        return nano_graph(model)
    if isinstance(model, LinearForSequenceClassification):
        return linear_graph(model)
    inputs = (*INPUTS, TYPE_IDS) if token_types else INPUTS
    key = (weakref.ref(model), inputs, weights_sha256(model))
    if key not in _newest:  # to trace a model takes seconds, and each precision begins with it
        _newest.clear()
        found = encoder_graph(_LogitsOf(model), model.config.model_type, "logits", inputs)
        if is_large(found, KEPT_BYTES):
            return found
        _newest[key] = found
    graph = onnx.ModelProto()
    graph.CopyFrom(_newest[key])
    return graph


def weights_sha256(model: torch.nn.Module) -> str:
    """A hash of what a model has learnt, which may be more by the next time."""
    found = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        array = tensor.detach().contiguous().cpu()
        found.update(f"{name} {array.dtype} {tuple(array.shape)}".encode())
        found.update(array.view(torch.uint8).numpy() if array.dim() else array.numpy().tobytes())
    return found.hexdigest()


def encoder_graph(
    module: torch.nn.Module, family: str, output: str, inputs: Sequence[str] = INPUTS
) -> onnx.ModelProto:
    """Exports whatever transformers has, with what is around it.

    Args:
        module: its `forward` takes tensors named as `inputs` and gives one tensor.
        family: transformers' model type.
        output: what that tensor is called.

    Raises:
        ExportError: it has no ONNX export.
    """
    if family in WINDOWED:
        raise ExportError(
            f"no ONNX export for {family!r}: it cuts a text into windows, which "
            "no graph for texts of any length can do. It can teach (`stillhouse distil`); to "
            "serve it, take another family"
        )
    module = module.eval()
    batch, time = torch.export.Dim("batch", min=1), torch.export.Dim("time", min=1)
    # Neither axis is traced at 1, which the exporter would take for a constant.
    ids = torch.full((2, 8), 1, dtype=torch.long)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    given = {"input_ids": ids, "attention_mask": mask, TYPE_IDS: torch.zeros_like(ids)}
    try:
        untold = nullcontext() if TYPE_IDS in inputs else one_type(module)
        with warnings.catch_warnings(), _quiet(), written_out(module), untold:
            warnings.simplefilter("ignore")  # of torch's own insides
            program = torch.onnx.export(
                module,
                tuple(given[name] for name in inputs),
                input_names=list(inputs),
                output_names=[output],
                dynamic_shapes={name: {0: batch, 1: time} for name in inputs},
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        said = str(error.__cause__ or error).strip().splitlines()[0]
        raise ExportError(
            f"no ONNX export for {family!r}: {said} (it can teach all the same)"
        ) from error
    if program is None:
        raise ExportError(f"no ONNX export for {family!r}")
    graph = first_token_alone(finite_masks(_without_notes(program.model_proto)))
    if not is_large(graph):  # the checker takes no more than a file holds
        onnx.checker.check_model(graph)
    return graph


def _without_notes(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without what its exporter noted: stack traces, with paths of the machine, and
    shapes of what lies between, which a quantiser would have to keep right.
    """  # noqa: D205
    del model.graph.value_info[:]
    del model.metadata_props[:]
    for noted in (model.graph, *model.graph.node, *model.graph.initializer, *model.functions):
        del noted.metadata_props[:]
        noted.ClearField("doc_string")
    return model


class _LogitsOf(torch.nn.Module):
    """A classifier: two tensors in, or three, and one out."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        types = {} if token_type_ids is None else {TYPE_IDS: token_type_ids}
        given = {"input_ids": input_ids, "attention_mask": attention_mask, **types}
        logits: torch.Tensor = self.model(**given).logits
        return logits


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the exporter's log of its steps from the user."""
    names = ("torch.onnx", "onnxscript", "onnx_ir", "torch.fx", "torch.export")
    loggers = [logging.getLogger(name) for name in names]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)


def store_in_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """Stores large FP32 weights as FP16 with a cast back, which ONNX Runtime folds at load.

    The file is half as large; the arithmetic stays in FP32.

    Raises:
        ExportError: a weight is too large for FP16.
    """

    def narrow(name: str, value: FloatArray) -> Stored:
        with np.errstate(over="ignore"):  # the next line tells
            half = value.astype(np.float16)
        if not np.isfinite(half).all():
            raise ExportError(f"{name} does not fit FP16: use --weights float32")
        cast = helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT)
        return {f"{name}.half": half}, [cast]

    return _stored(model, narrow)


def store_in_int8(model: onnx.ModelProto) -> onnx.ModelProto:
    """Stores large FP32 weights in 8 bits, a scale for each row, widened at load.

    Weight-only quantisation: the file is a quarter, the arithmetic stays in FP32.
    `DequantizeLinear` has one axis, and ONNX Runtime keeps it for every run; these nodes it folds.
    """

    def narrow(name: str, value: FloatArray) -> Stored:
        scale = np.abs(value).max(axis=-1, keepdims=True) / np.float32(127)
        steps = np.divide(value, scale, out=np.zeros_like(value), where=scale > 0)
        return {f"{name}.int8": np.rint(steps).astype(np.int8), f"{name}.scale": scale}, [
            helper.make_node("Cast", [f"{name}.int8"], [f"{name}.wide"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}.wide", f"{name}.scale"], [name]),
        ]

    return _stored(model, narrow)


def _stored(model: onnx.ModelProto, narrow: Callable[[str, FloatArray], Stored]) -> onnx.ModelProto:
    """A copy of `model` with large FP32 weights replaced by what `narrow` makes of them."""
    small = onnx.ModelProto()
    small.CopyFrom(model)
    initializers = []
    nodes: list[onnx.NodeProto] = []
    for tensor in small.graph.initializer:
        value = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or value.nbytes < NARROW_FROM_BYTES:
            initializers.append(tensor)
            continue
        arrays, widen = narrow(tensor.name, value)
        initializers += [numpy_helper.from_array(array, name) for name, array in arrays.items()]
        nodes += widen
    nodes += small.graph.node
    for field, values in ((small.graph.initializer, initializers), (small.graph.node, nodes)):
        kept: list[Any] = list(values)
        del field[:]
        field.extend(kept)
    return small
