"""Reads an inference request of the Open Inference Protocol: JSON, with tensors after it, or raw.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from service.api.dialects.oip.schemas import OUTPUTS, InferParameters, InferRequest
from service.api.dialects.oip.tensors import read_inputs
from service.api.edge.bodies import parse_json
from service.api.schemas import SHOWN
from service.errors import InvalidInput
from service.runtime.model import Input

HEADER_LENGTH = b"inference-header-content-length"


class Wanted(NamedTuple):
    """What a request asks for.

    Attributes:
        id: that comes back; None: it has none.
        inputs: texts or pairs, in its order.
        parameters: of the request.
        outputs: in the order in which they are to come; none: all that the model has.
        binary: those that go after the JSON.
    """

    id: str | None
    inputs: list[Input]
    parameters: InferParameters
    outputs: tuple[str, ...]
    binary: frozenset[str]


def read_request(body: bytes, header_length: bytes | None, most: int) -> Wanted:
    """Reads a body.

    Args:
        header_length: `Inference-Header-Content-Length`: where the JSON ends; without it all of
            the body is JSON; 0: the body is raw.
        most: texts in a request.

    Raises:
        ValidationError: the JSON is not of the right form.
        InvalidInput: a length, a shape or a name is wrong.
    """
    length = _length(header_length, len(body))
    if length == 0 and header_length is not None:
        return _raw(body)
    request = parse_json(InferRequest, body[:length])
    parameters = request.parameters or InferParameters.model_construct()
    return Wanted(
        request.id,
        read_inputs(request, body[length:], most),
        parameters,
        _output_names(request),
        _binary_names(request, parameters),
    )


def _length(header_length: bytes | None, most: int) -> int:
    if header_length is None:
        return most
    if not re.fullmatch(b"[0-9]{1,12}", header_length):
        raise InvalidInput("Inference-Header-Content-Length is not a number of bytes")
    length = int(header_length)
    if length > most:
        raise InvalidInput(
            f"Inference-Header-Content-Length says {length} bytes; the body has {most}"
        )
    return length


def _raw(body: bytes) -> Wanted:
    """A body that is one text and nothing else: all outputs are asked for, in binary."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("the body, a text without JSON before it, is not UTF-8") from error
    parameters = InferParameters.model_construct()
    return Wanted(None, [text], parameters, (), frozenset(OUTPUTS))


def check_outputs(names: Sequence[str]) -> None:
    """Raises InvalidInput where an output is asked for that no model has, or one twice."""
    seen = set()
    for name in names:
        if name not in OUTPUTS:
            raise InvalidInput(f"no output {name[:SHOWN]!r}: there are {list(OUTPUTS)}")
        if name in seen:
            raise InvalidInput(f"output {name!r} is asked for twice")
        seen.add(name)


def _output_names(request: InferRequest) -> tuple[str, ...]:
    names = tuple(output.name for output in request.outputs or [])
    check_outputs(names)
    return names


def _binary_names(request: InferRequest, parameters: InferParameters) -> frozenset[str]:
    asked = {
        output.name: output.parameters.binary_data
        for output in request.outputs or []
        if output.parameters is not None
    }
    default = parameters.binary_data_output is True
    return frozenset(
        name for name in OUTPUTS if (default if asked.get(name) is None else asked[name])
    )
