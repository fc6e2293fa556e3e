"""Errors as `application/problem+json` (RFC 9457): the one table from errors to statuses.

A request in a dialect gets its error in that dialect's form; see `service.api.dialects`.
"""

import logging
import math
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from service import errors
from service.api.dialects.forms import dialect_of
from service.api.schemas import Problem

log = logging.getLogger(__name__)

STATUS: dict[type[Exception], HTTPStatus] = {
    errors.InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.EmptyInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TextTooLong: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.Unauthorised: HTTPStatus.UNAUTHORIZED,
    errors.UnknownModel: HTTPStatus.NOT_FOUND,
    errors.Overloaded: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.DeadlineExceeded: HTTPStatus.GATEWAY_TIMEOUT,
    errors.ClientGone: HTTPStatus.REQUEST_TIMEOUT,  # nobody reads it; for log and metrics
    errors.InferenceFailed: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.RepositoryError: HTTPStatus.CONFLICT,
    errors.ManifestError: HTTPStatus.CONFLICT,
    errors.FileError: HTTPStatus.CONFLICT,
}


def status_of(request: Request, error: Exception) -> HTTPStatus:
    """The HTTP status of an error of the core, or 422 for a body that does not validate."""
    dialect = dialect_of(request.scope)
    if dialect and type(error) in dialect.statuses:
        return dialect.statuses[type(error)]
    if isinstance(error, ValidationError | RequestValidationError):
        return HTTPStatus.UNPROCESSABLE_ENTITY
    return STATUS.get(type(error), HTTPStatus.INTERNAL_SERVER_ERROR)


def problem_response(request: Request, error: Exception) -> Response:
    """The response that an error gets; a cause that is ours is logged, never shown."""
    headers = {}
    details = None
    if isinstance(error, HTTPException):  # the framework's own: no route, wrong method
        status, detail = HTTPStatus(error.status_code), str(error.detail)
        headers = dict(error.headers or {})
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = _allowed(request)
    elif isinstance(error, ValidationError | RequestValidationError):
        status = status_of(request, error)
        # Without the input: a text of the client's has no place in an error or a log.
        details = [{"loc": list(e["loc"]), "msg": e["msg"]} for e in error.errors()[:20]]
        detail = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in details)
    elif isinstance(error, errors.StillhouseError):
        status, detail = status_of(request, error), str(error)
    else:
        log.error("unhandled error", exc_info=error)
        status, detail = HTTPStatus.INTERNAL_SERVER_ERROR, "the service failed; see its log"
    if isinstance(error, errors.Overloaded | errors.Unavailable):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after)))
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if dialect := dialect_of(request.scope):
        content = dialect.body(status, detail).model_dump_json()
        return Response(content, status, headers, media_type="application/json")
    problem = Problem(
        title=status.phrase,
        status=status,
        detail=detail,
        request_id=request.state.request_id,
        errors=details,
    )
    return Response(
        problem.model_dump_json(exclude_none=True),
        status_code=status,
        media_type="application/problem+json",
        headers=headers,
    )


def _allowed(request: Request) -> str:
    """The methods of all routes of a path; the framework names those of the first alone."""
    return ", ".join(
        method
        for method in ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    )


async def _handle(request: Request, error: Exception) -> Response:
    return problem_response(request, error)


def install(app: FastAPI) -> None:
    """Makes every error of `app` a problem document."""
    for kind in (errors.StillhouseError, ValidationError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _handle)


RESPONSES: dict[int | str, dict[str, object]] = {
    code: {
        "description": description,
        "content": {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        },
    }
    for code, description in {
        401: "a key is missing or wrong",
        404: "unknown model or version",
        409: "the version cannot be served",
        413: "body too large",
        422: "malformed body, empty text, too many or too long texts",
        429: "the queue is full",
        500: "the model failed",
        503: "draining, or the model is not loaded",
        504: "the deadline passed",
    }.items()
}
