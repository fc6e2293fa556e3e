"""Tensors of the Open Inference Protocol, in JSON and in the binary extension.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import math
import struct
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from service.api.dialects.numbers import numbers_of
from service.api.dialects.oip.schemas import INPUT, INPUT_PAIR, InferRequest, InputTensor
from service.api.schemas import SHOWN
from service.errors import InvalidInput
from service.runtime.model import Input, Pair
from service.runtime.tasks.task import Float32Array


class Tensor(NamedTuple):
    """An output: strings (BYTES), numbers (FP32) or yes and no (BOOL), flat and row-major."""

    datatype: Literal["BYTES", "FP32", "BOOL"]
    shape: tuple[int, ...]
    data: Sequence[str] | Sequence[float] | Sequence[bool] | Float32Array

    def listed(self) -> Sequence[str] | Sequence[float] | Sequence[bool]:
        """The data as JSON has it."""
        return numbers_of(self.data) if isinstance(self.data, np.ndarray) else self.data

    def encoded(self) -> bytes:
        """The data as the binary extension has it."""
        if isinstance(self.data, np.ndarray):
            return self.data.astype("<f4", copy=False).tobytes()
        if self.datatype == "FP32":
            return struct.pack(f"<{len(self.data)}f", *self.data)
        if self.datatype == "BOOL":
            return struct.pack(f"<{len(self.data)}?", *self.data)
        return b"".join(
            struct.pack("<I", len(content)) + content
            for content in (str(value).encode() for value in self.data)
        )


def read_inputs(request: InferRequest, content: bytes, most: int) -> list[Input]:
    """The inputs of a request: texts, or pairs where a second tensor came.

    Args:
        content: what came after the JSON: of each tensor that is not in it, in their order.
        most: texts in a request; nothing of a tensor of more is read.

    Raises:
        InvalidInput: the tensors are not those that a model takes, or their parts disagree.
    """
    names = [tensor.name for tensor in request.inputs]
    if sorted(names) not in ([INPUT], [INPUT, INPUT_PAIR]):
        shown = [name[:SHOWN] for name in names[:5]]
        raise InvalidInput(
            f"a model takes one input, {INPUT!r}; these came: {shown}; one that reads pairs takes "
            f"{INPUT_PAIR!r} too"
        )
    sizes = [_binary_size(tensor) for tensor in request.inputs]
    _check_sizes(sizes, len(content))
    columns: dict[str, list[str]] = {}
    start = 0
    for tensor, size in zip(request.inputs, sizes, strict=True):
        part = None if size is None else content[start : start + size]
        columns[tensor.name] = _read(tensor, part, most)
        start += size or 0
    texts = columns[INPUT]
    if INPUT_PAIR not in columns:
        return list(texts)
    if len(texts) != len(columns[INPUT_PAIR]):
        raise InvalidInput(
            f"input {INPUT!r} has {len(texts)} elements, and {INPUT_PAIR!r} has "
            f"{len(columns[INPUT_PAIR])}: they are of the same shape"
        )
    return list(map(Pair, texts, columns[INPUT_PAIR]))


def _read(tensor: InputTensor, content: bytes | None, most: int) -> list[str]:
    """The texts of a tensor.

    Args:
        content: its part of what came after the JSON; None: it is in the JSON.
        most: texts in a request.
    """
    name, shape = tensor.name, tensor.shape
    if tensor.datatype != "BYTES":
        raise InvalidInput(f"input {name!r} is of datatype BYTES, not {tensor.datatype[:SHOWN]!r}")
    if not _is_column(shape):
        raise InvalidInput(
            f"input {name!r} has the shape [n] or [n, 1], n being 1 or more, not {shape[:5]}"
        )
    if shape[0] > most:
        raise InvalidInput(f"{shape[0]} texts; at most {most} in a request")
    if content is None:
        if tensor.data is None:
            raise InvalidInput(f"input {name!r} has neither data nor binary_data_size")
        texts = _flat(tensor, tensor.data)
    else:
        if tensor.data is not None:
            raise InvalidInput(f"input {name!r} has both data and binary_data_size")
        texts, left = _decoded(content, name, shape[0])
        if left:
            raise InvalidInput(
                f"input {name!r} has the shape {shape}, but {left} bytes follow its elements"
            )
    if len(texts) != shape[0]:
        raise InvalidInput(f"input {name!r} has the shape {shape}, but {len(texts)} elements")
    return texts


def _decoded(content: bytes, name: str, most: int) -> tuple[list[str], int]:
    """BYTES elements, each after its length in four bytes, little-endian; and the bytes after them.

    Args:
        name: of the input.
        most: elements that are read.

    Raises:
        InvalidInput: a length leads out of the content, or an element is not UTF-8.
    """
    texts: list[str] = []
    start = 0
    while start < len(content) and len(texts) < most:
        if start + 4 > len(content):
            raise InvalidInput(f"{_place(texts, name)}: its length is cut off")
        (length,) = struct.unpack_from("<I", content, start)
        start += 4
        if length > (left := len(content) - start):
            raise InvalidInput(f"{_place(texts, name)}: {length} bytes, but {left} are left")
        try:
            texts.append(content[start : start + length].decode())
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{_place(texts, name)}: not UTF-8") from error
        start += length
    return texts, len(content) - start


def _place(texts: Sequence[str], name: str) -> str:
    """The element after those that were read."""
    return f"element {len(texts)} of input {name!r}"


def _is_column(shape: list[int]) -> bool:
    return len(shape) in (1, 2) and shape[0] > 0 and math.prod(shape[1:]) == 1


def _flat(tensor: InputTensor, data: Sequence[str] | Sequence[list[str]]) -> list[str]:
    rows = [row for row in data if isinstance(row, list)]
    if rows and (len(tensor.shape) == 1 or any(len(row) != 1 for row in rows)):
        raise InvalidInput(
            f"the data of input {tensor.name!r} is not nested as the shape {tensor.shape} is"
        )
    return [row[0] if isinstance(row, list) else row for row in data]


def _check_sizes(sizes: Sequence[int | None], given: int) -> None:
    """Raises InvalidInput unless what came after the JSON is all of the tensors', and no more."""
    stated = sum(size or 0 for size in sizes)
    if stated == given:
        return
    if not any(sizes):
        raise InvalidInput(f"{given} bytes after the JSON belong to no input")
    raise InvalidInput(f"binary_data_size is {stated}, but {given} bytes follow the JSON")


def _binary_size(tensor: InputTensor) -> int | None:
    return None if tensor.parameters is None else tensor.parameters.binary_data_size
