"""Errors as `application/problem+json` (RFC 9457): the one table from errors to statuses.

A request in a dialect gets its error in that dialect's form; see `service.api.dialects.forms`.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import Scope

from service import errors
from service.api.dialects.forms import error_form
from service.api.edge.trail import Trail

log = logging.getLogger(__name__)

CLIENT_GONE = 499  # as nginx has it; it is for log and metrics alone, since nobody reads it
STATUS: dict[type[Exception], int] = {
    errors.InvalidInput: 422,
    errors.EmptyInput: 422,
    errors.TextTooLong: 422,
    errors.WrongTask: 422,
    errors.BodyTooLarge: 413,
    errors.BodyTooSlow: 408,
    errors.UnreadableEncoding: 415,
    errors.Unauthorised: 401,
    errors.UnknownModel: 404,
    errors.Overloaded: 429,
    errors.Unavailable: 503,
    errors.DeadlineExceeded: 504,
    errors.InferenceFailed: 500,
    errors.RepositoryError: 409,
    errors.ManifestError: 409,
    errors.FileError: 409,
    ValidationError: 422,
    RequestValidationError: 422,
}


def status_of(trail: Trail, error: Exception) -> int:
    """The HTTP status of an error, in the dialect of the request."""
    form = error_form(trail.path, trail.method)
    if form and type(error) in form.statuses:
        return form.statuses[type(error)]
    if isinstance(error, HTTPException):  # the framework's own: no route, wrong method
        return error.status_code
    return STATUS.get(type(error), 500)


def told(error: Exception) -> tuple[str, list[dict[str, Any]] | None]:
    """What a client is told is wrong, and each value that is, where a schema refused them."""
    if isinstance(error, ValidationError | RequestValidationError):
        # Without the input: a text of the client's has no place in an error or a log.
        details = [{"loc": list(e["loc"]), "msg": e["msg"]} for e in _first(error)]
        parts = (f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in details)
        return "; ".join(parts), details
    if isinstance(error, HTTPException):
        return str(error.detail), None
    if isinstance(error, errors.StillhouseError):
        return str(error), None
    return "the service failed; see its log", None


class _Reply(Response):
    """Made in one step, which takes a fraction of Starlette's: under overload most are refusals."""

    def __init__(self, content: bytes, status: int, headers: Mapping[str, str]) -> None:
        self.status_code = status
        self.body = content
        self.background = None
        self.raw_headers = [(b"content-length", b"%d" % len(content))]
        for name, value in headers.items():
            self.raw_headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))


def problem_response(scope: Scope, error: Exception) -> Response:
    """The response that an error gets; a cause that is ours is logged, never shown."""
    trail = Trail.of(scope)
    trail.error = type(error).__name__
    status = HTTPStatus(status_of(trail, error))
    headers = {}
    detail, details = told(error)
    if isinstance(error, HTTPException):
        headers = dict(error.headers or {})
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = _allowed(scope)
    if status is HTTPStatus.INTERNAL_SERVER_ERROR or isinstance(error, errors.InferenceFailed):
        log.error("request failed", exc_info=error, extra={"path": trail.path})
    if isinstance(error, errors.Overloaded | errors.Unavailable):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if status in (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_TIMEOUT):
        headers["Connection"] = "close"  # the rest of the body is not read
    if form := error_form(trail.path, trail.method):
        headers["content-type"] = "application/json"
        content = form.body(status, detail)
    else:
        headers["content-type"] = "application/problem+json"
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": status.phrase,
            "status": status.value,
            "detail": detail,
            "request_id": trail.request_id,
        }
        if details is not None:
            problem["errors"] = details
        content = to_json(problem)
    return _Reply(content, status, headers)


def _first(error: ValidationError | RequestValidationError) -> Sequence[Any]:
    if isinstance(error, RequestValidationError):
        return error.errors()[:20]
    return error.errors(include_url=False, include_context=False, include_input=False)[:20]


def _allowed(scope: Scope) -> str:
    """The methods of all routes of a path; the framework names those of the first alone."""
    return ", ".join(
        method
        for method in ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
        if any(
            route.matches({**scope, "method": method})[0] is Match.FULL
            for route in scope["app"].routes
        )
    )


async def _handle(request: Request, error: Exception) -> Response:
    if isinstance(error, errors.ClientGone | ClientDisconnect):  # nobody reads it
        Trail.of(request.scope).error = errors.ClientGone.__name__
        return Response(status_code=CLIENT_GONE)
    return problem_response(request.scope, error)


def install(app: FastAPI) -> None:
    """Makes the errors of FastAPI's handlers problem documents; predictions have the middleware."""
    kinds = (errors.StillhouseError, ValidationError, RequestValidationError, HTTPException)
    for kind in (*kinds, ClientDisconnect, Exception):
        app.add_exception_handler(kind, _handle)
