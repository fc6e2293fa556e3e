"""Recent requests, for figures of the last minute. Knows neither HTTP nor who looks at them.

Exact, unlike the histograms of `metrics`, and forgetful: monitoring reads those.
"""

import math
import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pydantic import BaseModel, Field

from service.telemetry.record import Record

WINDOW_SECONDS = 60.0
CAPACITY = 8192  # about a megabyte; a busier minute is told by its last part
SHORTEST_SECONDS = 1.0  # a service younger than this has no rate yet


class RouteStats(BaseModel):
    """Recent requests, of one route or of all."""

    requests: int = Field(description="ended, with an answer or an error")
    texts: int = Field(description="answered")
    errors: int = Field(description="requests refused or failed")
    requests_per_second: float
    texts_per_second: float
    p50_ms: float | None = Field(description="half of the answered requests took at most this")
    p99_ms: float | None = Field(description="99 of 100 answered requests took at most this")
    escalated_share: float | None = Field(
        description="of the texts answered, those that a later model of a cascade answered"
    )
    degraded_share: float | None = Field(
        description="of the texts answered, those that kept a cheaper model's answer since the "
        "next would have been late"
    )


class Stats(BaseModel):
    """The answer of `GET /stats`: one worker process speaks for itself alone."""

    pid: int = Field(description="the worker process whose requests these are")
    seconds: float = Field(
        description="how long the figures look back: 60, or less after a start or when very busy"
    )
    overall: RouteStats
    routes: dict[str, RouteStats] = Field(
        description="by the route asked for; `-` stands for requests that named none there is"
    )


class _Entry(NamedTuple):
    """What is kept of a record: no answers, so that a minute of them is small."""

    ended: float
    route: str
    seconds: float
    texts: int
    escalated: int
    degraded: int
    ok: bool


class Recent:
    """The predictions of one process that ended last, the newest last.

    Args:
        capacity: how many are kept.
        clock: that of the records' `ended`.
    """

    def __init__(
        self, capacity: int = CAPACITY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._entries: deque[_Entry] = deque(maxlen=capacity)
        self._clock = clock
        self._started = clock()

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, records: Sequence[Record]) -> None:
        """Remembers requests that have ended."""
        self._entries.extend(
            [
                _Entry(
                    record.ended,
                    record.route,
                    record.seconds,
                    len(record.answers),
                    sum([answer.escalated for answer in record.answers]),
                    sum([answer.degraded is True for answer in record.answers]),
                    record.ok,
                )
                for record in records
                if record.predicts
            ]
        )

    def stats(self) -> Stats:
        """Figures of the last minute, or of the part of it that there is a record of."""
        now = self._clock()
        since = max(self._started, now - WINDOW_SECONDS)
        if len(self._entries) == self._entries.maxlen:
            since = max(since, self._entries[0].ended)
        seconds = max(now - since, SHORTEST_SECONDS)
        entries = [entry for entry in self._entries if entry.ended >= since]
        routes: defaultdict[str, list[_Entry]] = defaultdict(list)
        for entry in entries:
            routes[entry.route].append(entry)
        return Stats(
            pid=os.getpid(),
            seconds=round(seconds, 3),
            overall=_figures(entries, seconds),
            routes={name: _figures(routes[name], seconds) for name in sorted(routes)},
        )


def _figures(entries: Sequence[_Entry], seconds: float) -> RouteStats:
    texts = sum(entry.texts for entry in entries)
    times = sorted(entry.seconds for entry in entries if entry.ok)
    return RouteStats(
        requests=len(entries),
        texts=texts,
        errors=len(entries) - len(times),
        requests_per_second=round(len(entries) / seconds, 3),
        texts_per_second=round(texts / seconds, 3),
        p50_ms=_percentile_ms(times, 0.50),
        p99_ms=_percentile_ms(times, 0.99),
        escalated_share=_share(sum(entry.escalated for entry in entries), texts),
        degraded_share=_share(sum(entry.degraded for entry in entries), texts),
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None


def _percentile_ms(ordered: Sequence[float], share: float) -> float | None:
    """The nearest rank: a time that a request did take."""
    if not ordered:
        return None
    return round(ordered[math.ceil(share * len(ordered)) - 1] * 1000, 3)
