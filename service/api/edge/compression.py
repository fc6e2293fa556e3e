"""Compresses a response where the client takes that and it is worth it."""

import re
import zlib
from functools import lru_cache

from starlette.types import Message, Send

LEAST_BYTES = 1024  # that are worth it
LEVEL = 1  # most of the gain, at a fraction of the time of the others
_WINDOW_BITS = {b"gzip": 31, b"deflate": 15}  # as zlib calls the formats
_NEVER = re.compile(rb"q\s*=\s*0(\.0*)?")
_TYPES = (b"application/json", b"application/problem+json", b"application/octet-stream", b"text/")


def compressing(send: Send, accepted: bytes) -> Send:
    """A `send` that compresses bodies which come in one piece.

    Args:
        accepted: the request's Accept-Encoding.
    """
    coding = _best(accepted)
    if coding is None:
        return send
    start: Message = {}

    async def compressing_send(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            start = message
            return
        if start:
            body = message.get("body", b"")
            if not message.get("more_body", False) and _is_worth_it(start, body):
                body = _compressed(body, coding)
                start["headers"] = [
                    *((name, v) for name, v in start["headers"] if name != b"content-length"),
                    (b"content-encoding", coding),
                    (b"content-length", b"%d" % len(body)),
                    (b"vary", b"Accept-Encoding"),
                ]
                message = {**message, "body": body}
            first, start = start, {}
            await send(first)
        await send(message)

    return compressing_send


@lru_cache(maxsize=64)  # clients of one kind say the same
def _best(accepted: bytes) -> bytes | None:
    """The first coding of ours that a client takes; None: it takes none."""
    for part in accepted.lower().split(b","):
        name, _, quality = part.partition(b";")
        if name.strip() in _WINDOW_BITS and not _NEVER.fullmatch(quality.strip()):
            return name.strip()
    return None


def _is_worth_it(start: Message, body: bytes) -> bool:
    headers = dict(start["headers"])
    return (
        start["status"] == 200
        and len(body) >= LEAST_BYTES
        and b"etag" not in headers  # it names these very bytes
        and b"content-encoding" not in headers
        and headers.get(b"content-type", b"").startswith(_TYPES)
    )


def _compressed(body: bytes, coding: bytes) -> bytes:
    writer = zlib.compressobj(LEVEL, zlib.DEFLATED, _WINDOW_BITS[coding])
    return writer.compress(body) + writer.flush()
