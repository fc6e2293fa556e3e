"""What a connection is told that is refused before its request is one: RFC 9457, as all are."""

import json
import logging
import uuid
from http import HTTPStatus
from typing import Any

log = logging.getLogger(__name__)


class Refused(Exception):
    """Ends the parser's work on what a client sent.

    Args:
        status: of the answer.
        detail: what was wrong.
    """

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


async def full(_: Any, __: Any, send: Any) -> None:
    """Answers 503, as an application: there are more connections than there may be."""
    headers, body = problem(Refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections"))
    headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def problem(cause: Refused) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body of an error as all have it: RFC 9457, with an id that is in the log."""
    request_id = uuid.uuid4().hex
    extra = {"status": int(cause.status), "why": cause.detail, "request_id": request_id}
    log.info("request refused", extra=extra)
    body = json.dumps(
        {
            "type": "about:blank",
            "title": cause.status.phrase,
            "status": int(cause.status),
            "detail": cause.detail,
            "request_id": request_id,
        }
    ).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"x-request-id", request_id.encode()),
        (b"connection", b"close"),
    ]
    return headers, body
