"""Tensors of the Open Inference Protocol, in JSON and in the binary extension.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import math
import re
import struct
from dataclasses import dataclass

from service.api.dialects.oip_schemas import INPUT, InferRequest, InputTensor, OutputTensor
from service.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Body:
    """A request's body: its JSON, and the tensors after it."""

    json: bytes
    tensors: bytes


def split_body(body: bytes, header_length: str | None) -> Body:
    """Takes a body apart.

    Args:
        header_length: `Inference-Header-Content-Length`; without it all of the body is JSON.

    Raises:
        InvalidInput: it is not a length within the body.
    """
    if header_length is None:
        return Body(body, b"")
    if not re.fullmatch("[0-9]{1,12}", header_length):
        raise InvalidInput("Inference-Header-Content-Length is not a number of bytes")
    length = int(header_length)
    if length > len(body):
        raise InvalidInput(
            f"Inference-Header-Content-Length says {length} bytes; the body has {len(body)}"
        )
    return Body(body[:length], body[length:])


def read_texts(request: InferRequest, tensors: bytes) -> list[str]:
    """The texts of a request.

    Args:
        tensors: what came after the JSON.

    Raises:
        InvalidInput: the input is not the one that a model takes, or its parts disagree.
    """
    names = [tensor.name for tensor in request.inputs]
    if names != [INPUT]:
        raise InvalidInput(f"a model takes one input, {INPUT!r}; these came: {names}")
    (tensor,) = request.inputs
    if tensor.datatype != "BYTES":
        raise InvalidInput(f"input {INPUT!r} is of datatype BYTES, not {tensor.datatype!r}")
    if not _is_column(tensor.shape):
        raise InvalidInput(
            f"input {INPUT!r} has the shape [n] or [n, 1], n being 1 or more, not {tensor.shape}"
        )
    texts = _read_binary(tensor, tensors) if tensor.data is None else _read_json(tensor, tensors)
    if len(texts) != tensor.shape[0]:
        raise InvalidInput(
            f"input {INPUT!r} has the shape {tensor.shape}, but {len(texts)} elements"
        )
    return texts


def take_out(tensor: OutputTensor) -> bytes:
    """Moves a tensor's data out of the JSON; returns the bytes that go after it."""
    content = b"".join(map(_encoded, tensor.data or []))
    tensor.data = None
    tensor.parameters = {"binary_data_size": len(content)}
    return content


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


def _encoded(value: str | float) -> bytes:
    if isinstance(value, float):
        return struct.pack("<f", value)
    content = value.encode()
    return struct.pack("<I", len(content)) + content


def _is_column(shape: list[int]) -> bool:
    return len(shape) in (1, 2) and shape[0] > 0 and math.prod(shape[1:]) == 1


def _read_json(tensor: InputTensor, tensors: bytes) -> list[str]:
    if tensor.parameters.binary_data_size is not None:
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
    size = tensor.parameters.binary_data_size
    if size is None:
        raise InvalidInput(f"input {INPUT!r} has neither data nor binary_data_size")
    if size != len(tensors):
        raise InvalidInput(f"binary_data_size is {size}, but {len(tensors)} bytes follow the JSON")
    return decode_bytes(tensors)
