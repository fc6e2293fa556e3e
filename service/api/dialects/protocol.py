"""What an API has to say of itself to be served: how bodies are read, written, and refused."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

from pydantic import BaseModel

from service.api.state import Service
from service.serving.shapes import Ask, Outcome


class Head(NamedTuple):
    """What a dialect may read of a request beside its body.

    Attributes:
        params: of the path: `name`, `version`.
        query: of the URL, the last value of each.
        headers: by lower-case name.
        deadline: of the request, on the clock of `time.monotonic`.
    """

    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[bytes, bytes]
    deadline: float


class Reply(NamedTuple):
    """A response's body, with its media type and headers beyond the usual."""

    content: bytes
    media_type: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Asked(NamedTuple):
    """A parsed request: what to ask, and how to write what comes of it.

    Attributes:
        render: the response, from the outcome and the seconds since the request came.
    """

    ask: Ask
    render: Callable[[Outcome, float], Reply]


class ErrorForm(NamedTuple):
    """How a dialect says that something failed.

    Attributes:
        body: from the status and what is wrong, as JSON.
        statuses: where they differ from the service's own table, by the very class of the error.
    """

    body: Callable[[HTTPStatus, str], bytes]
    statuses: Mapping[type[Exception], HTTPStatus]


class Dialect(Protocol):
    """One prediction endpoint of an API."""

    def parse(self, head: Head, body: bytes) -> Asked:
        """Reads a request.

        Raises:
            ValidationError: pydantic's; the body is not of the right form.
            InvalidInput: it cannot be used for another reason.
        """


# What a prediction can end with beside 200, in every dialect that does not say otherwise.
FAILURES: Mapping[int, str] = {
    401: "a key is missing or wrong",
    404: "unknown model or version",
    408: "the body did not arrive in time",
    413: "body too large",
    415: "the body is compressed in a way that is not read",
    422: "malformed body, empty text, too many or too long texts",
    429: "the queue is full, or the answer would be late",
    500: "the model failed",
    503: "stopping, or the model is not loaded",
    504: "the deadline passed",
}


class DialectRoute(NamedTuple):
    """A prediction endpoint, always a POST: what the application mounts and documents.

    Attributes:
        path: as Starlette reads it, `{name}` being a parameter.
        make: its dialect, for a running service.
        tag: under which the document lists it.
        summary: of the document, a line.
        description: of the document, a paragraph.
        body: the schema of the request.
        answer: the type that the JSON of a 200 holds; a `TypeAdapter` reads it.
        error: the schema of an error; None: a problem document.
        failures: what each status other than 200 means.
        query: what each parameter of the query means; all may be left out.
        binary: body and answer may also be `application/octet-stream`: JSON, and bytes after it.
    """

    path: str
    make: Callable[[Service], Dialect]
    tag: str
    summary: str
    description: str
    body: type[BaseModel]
    answer: Any
    error: type[BaseModel] | None
    failures: Mapping[int, str] = FAILURES
    query: Mapping[str, str] = {}
    binary: bool = False
