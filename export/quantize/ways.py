"""The ways of INT8, and which of them an architecture has."""

from typing import Literal, get_args

from transformers import PreTrainedModel

from export.errors import ExportError
from export.quantize.int8 import refuse_int8
from export.quantize.quantization import Activations
from export.quantize.torch_int8 import refuse_torch_int8
from training.models.students.bilstm import BiLstm
from training.models.students.nano import NanoForSequenceClassification

Way = Literal[Activations, "torch"]
WAYS: tuple[Way, ...] = get_args(Way)
# What tables call them, after INT8.
TITLES: dict[Way, str] = {
    "token": "by token",
    "static": "static",
    "dynamic": "dynamic",
    "torch": "PyTorch dynamic",
}


def refuse_way(model: PreTrainedModel, way: Way) -> None:
    """Raises ExportError, which says why, where a model cannot be had in INT8 so."""
    if way == "torch":
        refuse_torch_int8(model)
        return
    refuse_int8(model)
    if isinstance(model, NanoForSequenceClassification) and way != "static":
        raise ExportError(
            "all that a nano multiplies is a convolution, and ONNX Runtime has it in INT8 with "
            "constant scales alone"
        )
    if isinstance(model, BiLstm) and way == "token":
        raise ExportError(
            "ONNX Runtime's LSTM multiplies inside one operator, which takes one scale for all rows"
        )
