"""Which requests speak a dialect, which predict, and how each dialect says an error.

Told by path and method alone: an error may come before there is a route, from the key or from
the limit on the body for example.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from typing import Literal

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError

from service import errors
from service.api.dialects.protocol import ErrorForm

_PREDICTIONS = re.compile(
    "/predict|/models/[^/]+|/v2/models/[^/]+(/versions/[^/]+)?/infer"
    "|/tei/(predict|rerank|embed)|/v1/embeddings"
)


class ErrorBody(BaseModel):
    """An error of the Hugging Face Inference API and of the Open Inference Protocol."""

    error: str = Field(description="what is wrong")


TeiErrorType = Literal["Unhealthy", "Backend", "Overloaded", "Validation", "Tokenizer", "Empty"]


class TeiErrorBody(BaseModel):
    """An error of Text Embeddings Inference."""

    error: str = Field(description="what is wrong")
    error_type: TeiErrorType


class OpenAiError(BaseModel):
    """What is wrong with a request to OpenAI's API."""

    message: str = Field(description="what is wrong")
    type: str = Field(description="`invalid_request_error`, `rate_limit_error` or `server_error`")
    param: str | None = Field(description="the key of the body that is wrong; null: no key is")
    code: str | None = Field(description="`model_not_found`, for example; null: there is none")


class OpenAiErrorBody(BaseModel):
    """An error of OpenAI's API."""

    error: OpenAiError


def predicts(path: str, method: str) -> bool:
    """Whether it is a prediction, of any dialect.

    Args:
        path: without the root path.
    """
    return method == "POST" and _PREDICTIONS.fullmatch(path) is not None


@lru_cache(maxsize=64)
def error_form(path: str, method: str) -> ErrorForm | None:
    """How an error is said; None: as a problem document.

    Args:
        path: without the root path.
    """
    if _under(path, "/v2"):
        return OIP
    if _under(path, "/tei"):
        return _TEI
    if _under(path, "/v1"):
        return _OPENAI
    # Only the POST is Hugging Face's; `GET /models/{name}` is the service's own.
    if method == "POST" and path.startswith("/models/"):
        return _HF
    return None


def _under(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/")


def _error_body(_: HTTPStatus, detail: str) -> bytes:
    return ErrorBody(error=detail).model_dump_json().encode()


def _tei_body(status: HTTPStatus, detail: str) -> bytes:
    kind = _TEI_TYPES.get(status, "Validation")
    return TeiErrorBody(error=detail, error_type=kind).model_dump_json().encode()


def _openai_body(status: HTTPStatus, detail: str) -> bytes:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        kind = "server_error"
    else:
        kind = _OPENAI_TYPES.get(status, "invalid_request_error")
    at_fault = _OPENAI_PARAM.match(detail)
    error = OpenAiError(
        message=detail,
        type=kind,
        param=at_fault[1] if at_fault else None,
        code=_OPENAI_CODES.get(status),
    )
    return OpenAiErrorBody(error=error).model_dump_json().encode()


_OPENAI_TYPES: Mapping[int, str] = {429: "rate_limit_error"}
_OPENAI_CODES: Mapping[int, str] = {
    401: "invalid_api_key",
    404: "model_not_found",
    429: "rate_limit_exceeded",
}
# A message begins with the key that it is about, where it is about one.
_OPENAI_PARAM = re.compile("(input|model|encoding_format|dimensions|user|prompt_name)[^ ]*:")

# A status that TEI does not have gets the nearest of its types.
_TEI_TYPES: Mapping[int, TeiErrorType] = {
    400: "Empty",
    424: "Backend",
    429: "Overloaded",
    500: "Backend",
    503: "Unhealthy",
    504: "Overloaded",
}

_HF = ErrorForm(_error_body, {})
_BAD_REQUESTS = dict.fromkeys(
    (
        errors.InvalidInput,
        errors.EmptyInput,
        errors.TextTooLong,
        errors.WrongTask,
        ValidationError,
        RequestValidationError,
    ),
    HTTPStatus.BAD_REQUEST,
)
OIP = ErrorForm(_error_body, _BAD_REQUESTS)
_OPENAI = ErrorForm(_openai_body, _BAD_REQUESTS)
_TEI = ErrorForm(
    _tei_body,
    {
        errors.EmptyInput: HTTPStatus.BAD_REQUEST,
        errors.InferenceFailed: HTTPStatus.FAILED_DEPENDENCY,
        errors.WrongTask: HTTPStatus.FAILED_DEPENDENCY,
    },
)
