"""A checkpoint's model as an ONNX graph with two inputs and one output.

Whatever the architecture: `input_ids` and `attention_mask`, int64 (batch, time), both axes
dynamic, to `logits`, float32 (batch, labels).
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from optimum.exporters.onnx import export as optimum_export
from optimum.exporters.tasks import TasksManager
from transformers import PreTrainedModel

from export.bilstm import bilstm_graph
from export.errors import ExportError
from training.models.bilstm import BiLstmForSequenceClassification

INPUTS = {"input_ids": {0: "batch", 1: "time"}, "attention_mask": {0: "batch", 1: "time"}}
HALF_FROM_BYTES = 4096  # smaller tensors are not worth a node


def to_onnx(model: PreTrainedModel, *, pinned: bool = False) -> onnx.ModelProto:
    """Exports a sequence classifier in FP32.

    Args:
        pinned: a Bi-LSTM's activations get fixed ranges (`export.pinning`); it computes the same.

    Raises:
        ExportError: optimum has no ONNX export for the architecture.
    """
    if isinstance(model, BiLstmForSequenceClassification):
        return bilstm_graph(model, pinned=pinned)
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
    half = onnx.ModelProto()
    half.CopyFrom(model)
    casts = []
    for tensor in half.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        value = numpy_helper.to_array(tensor)
        if value.nbytes < HALF_FROM_BYTES:
            continue
        with np.errstate(over="ignore"):  # the next line tells
            narrow = value.astype(np.float16)
        if not np.isfinite(narrow).all():
            raise ExportError(f"{tensor.name} does not fit FP16: use --weights float32")
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(narrow, f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
    nodes: list[Any] = [*casts, *half.graph.node]
    del half.graph.node[:]
    half.graph.node.extend(nodes)
    return half
