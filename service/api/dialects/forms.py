"""Errors in the forms of the dialects: which requests speak one, and how it says what failed.

Knows no routes: an error may come before there is one, from the limit on the body for example.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

from pydantic import BaseModel, Field
from starlette.types import Scope

from service import errors


class ErrorBody(BaseModel):
    """An error of the Hugging Face Inference API and of the Open Inference Protocol."""

    error: str = Field(description="what is wrong")


TeiErrorType = Literal["Unhealthy", "Backend", "Overloaded", "Validation", "Tokenizer", "Empty"]


class TeiErrorBody(BaseModel):
    """An error of Text Embeddings Inference."""

    error: str = Field(description="what is wrong")
    error_type: TeiErrorType


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one API says that something failed.

    Attributes:
        body: of an error, from its status and its text.
        statuses: where they differ from the service's own table.
    """

    body: Callable[[HTTPStatus, str], BaseModel]
    statuses: Mapping[type[Exception], HTTPStatus] = field(default_factory=dict)


def _error_body(_: HTTPStatus, detail: str) -> ErrorBody:
    return ErrorBody(error=detail)


def _tei_body(status: HTTPStatus, detail: str) -> TeiErrorBody:
    return TeiErrorBody(error=detail, error_type=_TEI_TYPES.get(status, "Validation"))


# A status that TEI does not have gets the nearest of its types.
_TEI_TYPES: dict[int, TeiErrorType] = {
    400: "Empty",
    424: "Backend",
    429: "Overloaded",
    500: "Backend",
    503: "Unhealthy",
    504: "Overloaded",
}

_PLAIN = Dialect(_error_body)
_TEI = Dialect(
    _tei_body,
    {
        errors.EmptyInput: HTTPStatus.BAD_REQUEST,
        errors.InferenceFailed: HTTPStatus.FAILED_DEPENDENCY,
    },
)


def dialect_of(scope: Scope) -> Dialect | None:
    """The dialect that a request speaks; None for the service's own API."""
    path: str = scope["path"]
    if path == "/v2" or path.startswith("/v2/"):
        return _PLAIN
    if path == "/tei" or path.startswith("/tei/"):
        return _TEI
    # Only the POST is Hugging Face's; `GET /models/{name}` is the service's own.
    if path.startswith("/models/") and scope["method"] == "POST":
        return _PLAIN
    return None
