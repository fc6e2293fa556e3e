"""The bodies of requests: read whole, compressed ones made plain, and JSON read by a schema."""

import zlib
from typing import TypeVar

from pydantic import BaseModel
from starlette.types import Message, Receive

from service.api.schemas import refuse_unknown
from service.errors import BodyTooLarge, ClientGone, InvalidInput, UnreadableEncoding

Parsed = TypeVar("Parsed", bound=BaseModel)

_WINDOW_BITS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}  # as zlib calls the formats


async def whole_body(receive: Receive) -> bytes:
    """Reads a request's body.

    Raises:
        ClientGone: the client went before it had sent all.
    """
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone("the client closed the connection before its body had arrived")
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def decompressed(receive: Receive, coding: bytes, max_bytes: int) -> Receive:
    """A `receive` that gives the whole body at once, plain.

    Args:
        coding: the request's Content-Encoding.
        max_bytes: of the plain body.
    """
    coding = coding.strip().lower()
    if coding == b"identity":
        return receive
    read = False

    async def plain_receive() -> Message:
        nonlocal read
        if read:
            return await receive()
        bits = _WINDOW_BITS.get(coding)
        if bits is None:
            raise UnreadableEncoding("Content-Encoding: send identity, gzip or deflate")
        body = await whole_body(receive)
        read = True
        plain = _inflated(body, bits, max_bytes)
        return {"type": "http.request", "body": plain, "more_body": False}

    return plain_receive


def parse_json(model: type[Parsed], body: bytes) -> Parsed:
    """Reads JSON in one pass, from bytes to the schema.

    A schema that keeps unknown keys (`extra="allow"`) refuses them here, at the first: pydantic's
    own "forbid" makes an error of each.

    Raises:
        ValidationError: pydantic's; it is not JSON, or not of the schema.
        InvalidInput: it has a key that the schema does not know.
    """
    parsed = model.model_validate_json(body)
    if parsed.model_extra:
        try:
            refuse_unknown(parsed)
        except ValueError as error:
            raise InvalidInput(str(error)) from None
    return parsed


def _inflated(body: bytes, bits: int, max_bytes: int) -> bytes:
    reader = zlib.decompressobj(bits)
    try:
        plain = reader.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise InvalidInput(f"the body cannot be decompressed: {error}") from error
    if len(plain) > max_bytes:
        raise BodyTooLarge(f"the body has more than {max_bytes} bytes, decompressed")
    if not reader.eof:
        raise InvalidInput("the body cannot be decompressed: it is cut off")
    if reader.unused_data:
        raise InvalidInput("the body cannot be decompressed: something follows its end")
    return plain
