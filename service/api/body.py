"""The body of a request, whole."""

from starlette.requests import ClientDisconnect
from starlette.types import Receive


async def whole_body(receive: Receive) -> bytes:
    """Reads a request's body, as Starlette's `Request.body` does in more steps.

    Raises:
        ClientDisconnect: the client went before it had sent all.
    """
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)
