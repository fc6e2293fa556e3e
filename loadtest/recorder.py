"""Counts requests while a run lasts. Knows nothing of Locust, nor of what a request asked."""

import math
from collections import Counter
from dataclasses import dataclass, field

from loadtest.results import Failure, Row, Second, percentile


@dataclass(slots=True)
class Tally:
    """Requests under one name, so far."""

    requests: int = 0
    failures: int = 0
    longest: float = 0.0
    histogram: Counter[float] = field(default_factory=Counter)

    def add(self, milliseconds: float, failed: bool) -> None:
        """Counts one request; its time is kept to three digits, so memory is bounded."""
        self.requests += 1
        self.failures += failed
        self.longest = max(self.longest, milliseconds)
        self.histogram[float(f"{milliseconds:.3g}")] += 1

    def merge(self, other: "Tally") -> None:
        """Counts what another has counted."""
        self.requests += other.requests
        self.failures += other.failures
        self.longest = max(self.longest, other.longest)
        self.histogram.update(other.histogram)

    def row(self, name: str, seconds: float) -> Row:
        """What was counted in so many seconds."""
        return Row(
            name=name,
            requests=self.requests,
            failures=self.failures,
            requests_per_second=round(self.requests / seconds, 3),
            p50_ms=self._percentile(0.50),
            p95_ms=self._percentile(0.95),
            p99_ms=self._percentile(0.99),
            max_ms=round(self.longest, 3) if self.requests else None,
        )

    def _percentile(self, share: float) -> float | None:
        value = percentile(self.histogram, share)
        # Three digits may have been rounded up, beyond the longest.
        return None if value is None else min(value, round(self.longest, 3))


class Recorder:
    """Counts the requests that began between `start` and `stop`, whenever they ended.

    So a request that began in time but hangs is still counted, with all of its time, and one
    that began in the warm-up is not. All clock readings are seconds of one clock.
    """

    def __init__(self) -> None:
        self.started = math.inf
        self.stopped = math.inf
        self.failures: Counter[tuple[str, str]] = Counter()
        self._tallies: dict[str, Tally] = {}
        self._second = Tally()
        self._second_began = math.inf

    def start(self, now: float) -> None:
        """Ends the warm-up."""
        self.started = self._second_began = now

    def stop(self, now: float) -> None:
        """Lets no later request in."""
        self.stopped = now

    def add(self, name: str, began: float, milliseconds: float, failure: str | None) -> None:
        """Counts a request that has ended; `failure` is its kind, or None."""
        if not self.started <= began < self.stopped:
            return
        failed = failure is not None
        self._tallies.setdefault(name, Tally()).add(milliseconds, failed)
        self._second.add(milliseconds, failed)
        if failure is not None:
            self.failures[name, failure] += 1

    def cut_second(self, now: float) -> Second:
        """What ended since the last cut."""
        tally, self._second = self._second, Tally()
        row = tally.row("", max(now - self._second_began, 1e-6))
        self._second_began = now
        return Second(
            at=round(now - self.started, 3),
            requests_per_second=row.requests_per_second,
            failures=row.failures,
            p99_ms=row.p99_ms,
        )

    def rows(self) -> tuple[Row, ...]:
        """What was counted, by name."""
        return tuple(tally.row(name, self._length) for name, tally in sorted(self._tallies.items()))

    def total(self, name: str) -> Row:
        """What was counted under all names."""
        whole = Tally()
        for tally in self._tallies.values():
            whole.merge(tally)
        return whole.row(name, self._length)

    def failure_kinds(self) -> tuple[Failure, ...]:
        """Kinds of failure, the commonest first."""
        return tuple(
            Failure(name, kind, count) for (name, kind), count in self.failures.most_common()
        )

    @property
    def _length(self) -> float:
        return max(self.stopped - self.started, 1e-6)
