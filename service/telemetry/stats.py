"""Recent requests, for figures of the last minute. Knows neither HTTP nor who looks at them.

Exact, unlike the histograms of `service.metrics`, and forgetful: monitoring reads those.
"""

import math
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from service.api.schemas import RouteStats, Stats

WINDOW_SECONDS = 60.0
CAPACITY = 8192  # about a megabyte; a busier minute is told by its last part
SHORTEST_SECONDS = 1.0  # a service younger than this has no rate yet


class Record(NamedTuple):
    """One request that has ended.

    Attributes:
        at: when, on the clock of `Live`.
        seconds: from its arrival to its end.
        texts: answered; 0 of a request that failed.
        escalated: how many of them a later model of a cascade answered.
    """

    at: float
    route: str
    seconds: float
    texts: int
    escalated: int
    ok: bool


class Live:
    """A bounded record of one process's requests, the newest last.

    Args:
        clock: monotonic seconds.
    """

    def __init__(
        self, capacity: int = CAPACITY, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._records: deque[Record] = deque(maxlen=capacity)
        self._clock = clock
        self._started = clock()

    def __len__(self) -> int:
        return len(self._records)

    def answered(
        self, route: str, seconds: float, texts: int, escalated: int, at: float | None = None
    ) -> None:
        """Remembers a request that was answered, now if no time is given."""
        at = self._clock() if at is None else at
        self._records.append(Record(at, route, seconds, texts, escalated, True))

    def failed(self, route: str, seconds: float) -> None:
        """Remembers a request that was refused, or that failed."""
        self._records.append(Record(self._clock(), route, seconds, 0, 0, False))

    def stats(self) -> Stats:
        """Figures of the last minute, or of the part of it that there is a record of."""
        now = self._clock()
        since = max(self._started, now - WINDOW_SECONDS)
        if len(self._records) == self._records.maxlen:
            since = max(since, self._records[0].at)
        seconds = max(now - since, SHORTEST_SECONDS)
        recent = [record for record in self._records if record.at >= since]
        routes: dict[str, list[Record]] = {}
        for record in recent:
            routes.setdefault(record.route, []).append(record)
        return Stats(
            pid=os.getpid(),
            seconds=round(seconds, 3),
            overall=_figures(recent, seconds),
            routes={name: _figures(routes[name], seconds) for name in sorted(routes)},
        )


def _figures(records: Sequence[Record], seconds: float) -> RouteStats:
    texts = sum(record.texts for record in records)
    times = sorted(record.seconds for record in records if record.ok)
    return RouteStats(
        requests=len(records),
        texts=texts,
        errors=len(records) - len(times),
        requests_per_second=round(len(records) / seconds, 3),
        texts_per_second=round(texts / seconds, 3),
        p50_ms=_percentile_ms(times, 0.50),
        p99_ms=_percentile_ms(times, 0.99),
        escalated_share=(
            round(sum(record.escalated for record in records) / texts, 6) if texts else None
        ),
    )


def _percentile_ms(ordered: Sequence[float], share: float) -> float | None:
    """The nearest rank: a time that a request did take."""
    if not ordered:
        return None
    return round(ordered[math.ceil(share * len(ordered)) - 1] * 1000, 3)
