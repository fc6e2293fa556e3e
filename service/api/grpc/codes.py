"""Errors as gRPC says them: the one table from errors to its codes.

The status that HTTP would have goes into log and metrics, so that both ways are counted alike.
"""

import logging
import math
from collections.abc import Mapping
from typing import NamedTuple

from grpc import StatusCode
from pydantic import ValidationError

from service import errors
from service.api.dialects.forms import OIP
from service.api.problems import STATUS, told

log = logging.getLogger(__name__)

CODES: Mapping[type[Exception], StatusCode] = {
    errors.InvalidInput: StatusCode.INVALID_ARGUMENT,
    errors.EmptyInput: StatusCode.INVALID_ARGUMENT,
    errors.TextTooLong: StatusCode.INVALID_ARGUMENT,
    errors.WrongTask: StatusCode.INVALID_ARGUMENT,
    ValidationError: StatusCode.INVALID_ARGUMENT,
    errors.BodyTooLarge: StatusCode.RESOURCE_EXHAUSTED,  # as grpc itself has it
    errors.BodyTooSlow: StatusCode.DEADLINE_EXCEEDED,
    errors.Unauthorised: StatusCode.UNAUTHENTICATED,
    errors.UnknownModel: StatusCode.NOT_FOUND,
    errors.Overloaded: StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: StatusCode.UNAVAILABLE,
    errors.DeadlineExceeded: StatusCode.DEADLINE_EXCEEDED,
    errors.InferenceFailed: StatusCode.INTERNAL,
    errors.RepositoryError: StatusCode.FAILED_PRECONDITION,
    errors.ManifestError: StatusCode.FAILED_PRECONDITION,
    errors.FileError: StatusCode.FAILED_PRECONDITION,
}
MOST = 1000  # characters of a message: it travels as a header, which clients bound


class Failure(NamedTuple):
    """How a call fails.

    Attributes:
        status: that HTTP would have.
        metadata: that goes after it: when to try again.
    """

    code: StatusCode
    details: str
    status: int
    metadata: tuple[tuple[str, str], ...]


def failure_of(error: Exception, path: str) -> Failure:
    """What a client is told of an error; a cause that is ours is logged, never shown."""
    kind = type(error)
    code = CODES.get(kind, StatusCode.INTERNAL)
    if code is StatusCode.INTERNAL:
        log.error("request failed", exc_info=error, extra={"path": path})
    metadata: tuple[tuple[str, str], ...] = ()
    if isinstance(error, errors.Overloaded | errors.Unavailable):
        seconds = max(1, math.ceil(error.retry_after))
        # The second is what gRPC's own retries go by.
        metadata = (
            ("retry-after", str(seconds)),
            ("grpc-retry-pushback-ms", str(seconds * 1000)),
        )
    status = OIP.statuses.get(kind) or STATUS.get(kind, 500)
    details, _ = told(error)
    return Failure(code, details[:MOST], int(status), metadata)
