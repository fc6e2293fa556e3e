"""A checkpoint's model as an ONNX graph with two inputs and one output.

Whatever the architecture: `input_ids` and `attention_mask`, int64 (batch, time), both axes
dynamic, to `logits`, float32 (batch, labels).
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from optimum.exporters.onnx import export as optimum_export
from optimum.exporters.tasks import TasksManager
from transformers import PreTrainedModel

from export.bilstm import bilstm_graph
from export.errors import ExportError
from export.graph import FloatArray
from export.nano import nano_graph
from training.models.bilstm import BiLstmForSequenceClassification
from training.models.nano import NanoForSequenceClassification

INPUTS = {"input_ids": {0: "batch", 1: "time"}, "attention_mask": {0: "batch", 1: "time"}}
NARROW_FROM_BYTES = 4096  # smaller tensors are not worth a node

Stored = tuple[dict[str, npt.NDArray[np.generic]], list[onnx.NodeProto]]


def to_onnx(model: PreTrainedModel, *, pinned: bool = False) -> onnx.ModelProto:
    """Exports a sequence classifier in FP32.

    Args:
        pinned: a Bi-LSTM's activations get fixed ranges (`export.pinning`); it computes the same.

    Raises:
        ExportError: optimum has no ONNX export for the architecture.
    """
    if isinstance(model, BiLstmForSequenceClassification):
        return bilstm_graph(model, pinned=pinned)
    if isinstance(model, NanoForSequenceClassification):
        return nano_graph(model)
    return _encoder_graph(model)


def _encoder_graph(model: PreTrainedModel) -> onnx.ModelProto:
    try:
        constructor = TasksManager.get_exporter_config_constructor(
            "onnx", model=model, task="text-classification", library_name="transformers"
        )
    except (KeyError, ValueError) as error:
        raise ExportError(f"no ONNX export for {model.config.model_type!r}: {error}") from error
    config = constructor(model.config)

    class TwoInputs(type(config)):  # type: ignore[misc]  # the class is optimum's choice
        """Optimum's export without segment ids: the service classifies single texts."""

        @property
        def inputs(self) -> dict[str, dict[int, str]]:
            return INPUTS

        @property
        def outputs(self) -> dict[str, dict[int, str]]:
            return {"logits": {0: "batch"}}

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        optimum_export(model, TwoInputs(model.config, task="text-classification"), path)
        graph: onnx.ModelProto = onnx.load(path)
    onnx.checker.check_model(graph)
    return graph


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
