"""Tensors of the Open Inference Protocol, in JSON and in the binary extension.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import math
import struct
from collections.abc import Sequence
from typing import Literal, NamedTuple

from service.api.dialects.oip.schemas import INPUT, InferRequest, InputTensor
from service.api.edge.bodies import SHOWN
from service.errors import InvalidInput


class Tensor(NamedTuple):
    """An output: strings (BYTES), numbers (FP32) or yes and no (BOOL), flat and row-major."""

    datatype: Literal["BYTES", "FP32", "BOOL"]
    shape: tuple[int, ...]
    data: Sequence[str] | Sequence[float] | Sequence[bool]

    def encoded(self) -> bytes:
        """The data as the binary extension has it."""
        if self.datatype == "FP32":
            return struct.pack(f"<{len(self.data)}f", *self.data)
        if self.datatype == "BOOL":
            return struct.pack(f"<{len(self.data)}?", *self.data)
        return b"".join(
            struct.pack("<I", len(content)) + content
            for content in (str(value).encode() for value in self.data)
        )


def read_texts(request: InferRequest, tensors: bytes) -> list[str]:
    """The texts of a request.

    Args:
        tensors: what came after the JSON.

    Raises:
        InvalidInput: the input is not the one that a model takes, or its parts disagree.
    """
    if len(request.inputs) != 1 or request.inputs[0].name != INPUT:
        names = [tensor.name[:SHOWN] for tensor in request.inputs[:5]]
        raise InvalidInput(f"a model takes one input, {INPUT!r}; these came: {names}")
    (tensor,) = request.inputs
    if tensor.datatype != "BYTES":
        raise InvalidInput(f"input {INPUT!r} is of datatype BYTES, not {tensor.datatype[:SHOWN]!r}")
    if not _is_column(tensor.shape):
        raise InvalidInput(
            f"input {INPUT!r} has the shape [n] or [n, 1], n being 1 or more, not "
            f"{tensor.shape[:5]}"
        )
    texts = _read_binary(tensor, tensors) if tensor.data is None else _read_json(tensor, tensors)
    if len(texts) != tensor.shape[0]:
        raise InvalidInput(
            f"input {INPUT!r} has the shape {tensor.shape}, but {len(texts)} elements"
        )
    return texts


def decode_bytes(content: bytes) -> list[str]:
    """Reads BYTES elements, each after its length in four bytes, little-endian.

    Raises:
        InvalidInput: a length leads out of the content, or an element is not UTF-8.
    """
    texts: list[str] = []
    start = 0
    while start < len(content):
        place = f"element {len(texts)} of input {INPUT!r}"
        if start + 4 > len(content):
            raise InvalidInput(f"{place}: its length is cut off")
        (length,) = struct.unpack_from("<I", content, start)
        start += 4
        if length > len(content) - start:
            raise InvalidInput(f"{place}: {length} bytes, but {len(content) - start} are left")
        try:
            texts.append(content[start : start + length].decode())
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{place}: not UTF-8") from error
        start += length
    return texts


def _is_column(shape: list[int]) -> bool:
    return len(shape) in (1, 2) and shape[0] > 0 and math.prod(shape[1:]) == 1


def _read_json(tensor: InputTensor, tensors: bytes) -> list[str]:
    if _binary_size(tensor) is not None:
        raise InvalidInput(f"input {INPUT!r} has both data and binary_data_size")
    if tensors:
        raise InvalidInput(f"{len(tensors)} bytes after the JSON belong to no input")
    data = tensor.data or []
    rows = [row for row in data if isinstance(row, list)]
    if rows and (len(tensor.shape) == 1 or len(rows) < len(data) or any(len(r) != 1 for r in rows)):
        raise InvalidInput(
            f"the data of input {INPUT!r} is not nested as the shape {tensor.shape} is"
        )
    return [row[0] if isinstance(row, list) else row for row in data]


def _read_binary(tensor: InputTensor, tensors: bytes) -> list[str]:
    size = _binary_size(tensor)
    if size is None:
        raise InvalidInput(f"input {INPUT!r} has neither data nor binary_data_size")
    if size != len(tensors):
        raise InvalidInput(f"binary_data_size is {size}, but {len(tensors)} bytes follow the JSON")
    return decode_bytes(tensors)


def _binary_size(tensor: InputTensor) -> int | None:
    return None if tensor.parameters is None else tensor.parameters.binary_data_size
