"""How many numbers a model has, how many of them are 0, and how large its files are.

Zeros are counted in matrices, as they are stored: of 8 bits where those are what is stored, so that
a model which was quantised has some that were only near 0.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper
from torch import nn
from transformers.utils.hub import cached_file

from service.runtime.graph import files_read

KINDS = {
    *(TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE),
    *(TensorProto.INT8, TensorProto.UINT8),
}
# Of operators that take weights in 8 bits: the place of the weights, of their scale, and of what
# stands for 0 among them.
QUANTIZED: dict[str, tuple[tuple[int, int | None, int], ...]] = {
    "DequantizeLinear": ((0, 1, 2),),
    "MatMulInteger": ((1, None, 3),),
    "MatMulIntegerToFloat": ((1, 3, 5),),
    "DynamicQuantizeMatMul": ((1, 2, 3),),
    "DynamicQuantizeLSTM": ((1, 8, 9), (2, 10, 11)),
    "ConvInteger": ((1, None, 3),),
    "QLinearMatMul": ((3, 4, 5),),
    "QLinearConv": ((3, 4, 5),),
    "QGemm": ((3, 4, 5),),
    "QAttention": ((1, 4, 7),),
}
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
INDICES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")


class Counted(NamedTuple):
    """Numbers of a model.

    Attributes:
        parameters: all, without the scales of 8 bits.
        sparsity: the share of those in matrices that are 0.
    """

    parameters: int
    sparsity: float


def counted_in_graph(path: Path) -> Counted:
    """Counts in an ONNX graph's constants."""
    graph = onnx.load(path).graph
    zeros: dict[str, str] = {}
    scales: set[str] = set()
    for node in graph.node:
        for weight, scale, zero in QUANTIZED.get(node.op_type, ()):
            names = [*node.input, *[""] * 16]
            zeros[names[weight]] = names[zero]
            scales |= {names[zero], *([names[scale]] if scale is not None else [])}
    constants = {one.name: one for one in graph.initializer if one.data_type in KINDS}
    numbers = matrices = none = 0
    for name, tensor in constants.items():
        if name in scales:
            continue
        values = numpy_helper.to_array(tensor)
        numbers += values.size
        if values.ndim < 2:
            continue
        matrices += values.size
        beside = constants.get(zeros.get(name, ""))
        none += int((values == _zero(values, beside)).sum())
    return Counted(numbers, none / matrices if matrices else 0.0)


def counted_in_modules(model: nn.Module) -> float:
    """The share of a torch model's numbers in matrices that are 0, those in 8 bits too."""
    whole: dict[int, torch.Tensor] = {id(one): one for one in model.parameters()}
    tensors = [one.detach() for one in whole.values()]
    for module in model.modules():
        tensors += _packed(module)
    matrices = [one for one in tensors if one.ndim >= 2]
    every = sum(one.numel() for one in matrices)
    return sum(int((one == 0).sum()) for one in matrices) / every if every else 0.0


def graph_bytes(path: Path) -> int:
    """Of an ONNX file, and of those beside it that it reads."""
    beside = (path.parent / name for name in sorted(files_read(path)))
    return sum(one.stat().st_size for one in (path, *beside))


def checkpoint_bytes(source: str) -> int:
    """Of the files that hold a checkpoint's weights; 0 where none of the usual is there."""
    for name in WEIGHTS:
        if found := _file(source, name):
            return found.stat().st_size
    for name in INDICES:
        if found := _file(source, name):
            pattern = f"*{Path(name.removesuffix('.index.json')).suffix}"
            return sum(one.stat().st_size for one in found.parent.glob(pattern))
    return 0


def _file(source: str, name: str) -> Path | None:
    found = cached_file(
        source,
        name,
        local_files_only=True,  # it was read a moment ago
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return None if found is None else Path(found)


def _zero(values: np.ndarray[Any, Any], beside: TensorProto | None) -> Any:
    """What stands for 0 among values, in a form that can be compared with all of them."""
    if beside is None:
        return 0
    zero = numpy_helper.to_array(beside)
    if (zero == zero.flat[0]).all():  # as nearly always
        return zero.flat[0]
    if zero.ndim == values.ndim - 1 and zero.ndim > 1:  # of each direction of an LSTM, by column
        return np.expand_dims(zero, -2)
    for axis in range(values.ndim - 1, -1, -1):  # by column, else by row
        if values.shape[axis] == zero.size:
            return zero.reshape([-1 if at == axis else 1 for at in range(values.ndim)])
    for axis, (many, few) in enumerate(zip(values.shape, zero.shape, strict=True)):  # of blocks
        zero = np.repeat(zero, -(-many // few), axis)[(slice(None),) * axis + (slice(many),)]
    return zero


def _packed(module: nn.Module) -> list[torch.Tensor]:
    """The weights of a module of torch's own INT8, as they are stored."""
    kind = type(module).__module__
    if not kind.startswith("torch.ao.nn.quantized"):
        return []
    named: Any = module
    if hasattr(named, "get_weight"):  # recurrent
        return [one.int_repr() for one in named.get_weight().values()]
    return [named.weight().int_repr()] if callable(getattr(named, "weight", None)) else []
