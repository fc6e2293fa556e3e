"""What becomes known of a request while it is answered; at its end a record is made of it."""

import re
import time
import uuid
from collections.abc import Mapping, Sequence
from itertools import count
from typing import cast

from starlette.types import Scope

from service.api.dialects.forms import predicts
from service.api.edge.guards import Guard
from service.runtime.model import Input
from service.serving.shapes import Answer, Hop
from service.telemetry.record import NO_ROUTE, Record

_PROCESS = uuid.uuid4().hex[:16]  # unique without asking the kernel for randomness each time
_numbers = count()
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


class Trail:
    """One request.

    Attributes:
        started: when its head had come, on the clock of `time.monotonic`.
        path: without the root path and the query.
        headers: by lower-case name, the last value of each.
        status: of the response; 0 until it begins.
        error: the kind of error it ends with, by the name of its class.
        predicts: it has come to the endpoint of a prediction.
        route: that was asked for, once it is known to be one.
        texts: only where the operator wants them logged.
        guard: of the request, while it is in flight.
    """

    __slots__ = (
        "answers",
        "error",
        "guard",
        "headers",
        "hops",
        "method",
        "path",
        "predicts",
        "request_id",
        "route",
        "started",
        "status",
        "texts",
    )

    guard: Guard

    def __init__(self, scope: Scope) -> None:
        self.started = time.monotonic()
        self.method: str = scope["method"]
        self.path: str = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        self.headers: Mapping[bytes, bytes] = dict(scope["headers"])
        given = self.headers.get(b"x-request-id")
        if given is not None and _REQUEST_ID.fullmatch(given):
            self.request_id = given.decode()
        else:
            self.request_id = f"{_PROCESS}{next(_numbers):016x}"
        self.status = 0
        self.error: str | None = None
        self.route = NO_ROUTE
        self.predicts = False
        self.answers: Sequence[Answer] = ()
        self.hops: list[Hop] = []
        self.texts: Sequence[Input] | None = None

    @classmethod
    def of(cls, scope: Scope) -> "Trail":
        """That of a request on its way through the application."""
        return cast(Trail, scope["state"]["trail"])

    def record(self) -> Record:
        """What is known of the request, now that it has ended."""
        traceparent = self.headers.get(b"traceparent")
        return Record(
            self.request_id,
            self.method,
            self.path,
            self.predicts or predicts(self.path, self.method),
            self.route,
            self.status,
            self.error,
            self.started,
            time.monotonic(),
            time.time(),
            None if traceparent is None else traceparent.decode("latin-1"),
            self.texts,
            self.answers,
            self.hops,
        )
