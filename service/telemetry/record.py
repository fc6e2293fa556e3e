"""What is known of a request once it has ended: one frozen record, for all who look at requests."""

from collections.abc import Sequence
from typing import NamedTuple

from service.runtime.model import Input
from service.serving.shapes import Answer, Hop

NO_ROUTE = "-"  # of a request that named no route there is; a client's word is no metric's label


class Record(NamedTuple):
    """A request that has ended.

    Attributes:
        method: the HTTP method.
        path: without the query.
        predicts: it was a prediction, of any dialect.
        route: that was asked for, or `NO_ROUTE`.
        status: of the response; 499 where the client left before it, 0 where there was none.
        error: the kind of error it ended with, by the name of its class; None: none.
        started: when its head had come, on the clock of `time.monotonic`.
        ended: when its response had gone out, on the same clock.
        at: when it ended, in seconds since 1970.
        traceparent: the W3C header that it came with; None: none.
        texts: the texts themselves, only where the operator wants them logged.
        answers: of a prediction; none of one that failed.
        hops: the models that were asked, also by one that failed.
    """

    request_id: str
    method: str
    path: str
    predicts: bool
    route: str
    status: int
    error: str | None
    started: float
    ended: float
    at: float
    traceparent: str | None
    texts: Sequence[Input] | None
    answers: Sequence[Answer]
    hops: Sequence[Hop]

    @property
    def seconds(self) -> float:
        """From head to end."""
        return self.ended - self.started

    @property
    def ok(self) -> bool:
        """Whether it got what it asked for."""
        return self.error is None and 0 < self.status < 400
