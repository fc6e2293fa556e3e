"""What a load test found: frozen values, and what is held against the limits.

Knows nothing of Locust, of files or of how a report looks. All times are milliseconds, as the
client saw them; all rates are per second.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

BUSY = 0.9  # of one CPU: above this the load generator may have been the bottleneck


@dataclass(frozen=True, slots=True)
class Load:
    """What to put on the service: `users` who each wait for an answer before they ask again."""

    host: str
    model: str
    users: int
    seconds: int
    warm_up_seconds: float
    seed: int


@dataclass(frozen=True, slots=True)
class Row:
    """The requests of one name.

    Every request counts, the failed ones too. Percentiles are by nearest rank, of times kept to
    three digits; the largest is exact. They are None where there was no request.
    """

    name: str
    requests: int
    failures: int
    requests_per_second: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None

    @property
    def failed_share(self) -> float:
        """Of all requests, 0 to 1; without any, all of them."""
        return self.failures / self.requests if self.requests else 1.0


@dataclass(frozen=True, slots=True)
class Failure:
    """One kind of failure of one name's requests."""

    name: str
    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class Second:
    """About one second of a run: the requests that ended in it."""

    at: float  # its end, in seconds since the run's start
    requests_per_second: float
    failures: int
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class Run:
    """One model's turn, or the mix's."""

    name: str
    total: Row
    rows: tuple[Row, ...]  # by request name: one for a model, several for the mix
    failures: tuple[Failure, ...]
    seconds: tuple[Second, ...]
    generator_cpu: float  # mean share of one CPU; Locust runs on one only

    @property
    def generator_bound(self) -> bool:
        """The load generator, not the service, may have set these numbers."""
        return self.generator_cpu > BUSY


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may not exceed."""

    max_p99_ms: float | None
    max_error_share: float


@dataclass(frozen=True, slots=True)
class Report:
    """A whole load test; as JSON, the committed record of it."""

    schema_version: int
    started_at: datetime
    host: str
    users: int
    seconds: int
    warm_up_seconds: float
    seed: int
    locust_version: str
    python_version: str
    cpu_count: int
    limits: Limits
    runs: tuple[Run, ...]
    broken: tuple[str, ...]  # the limits that were exceeded; empty is good
    notes: tuple[str, ...]  # what a reader must know before trusting the numbers


def broken_limits(runs: Iterable[Run], limits: Limits) -> tuple[str, ...]:
    """Says which run exceeded which limit, each run taken as a whole."""
    found = []
    for run in runs:
        total = run.total
        if not total.requests:
            found.append(
                f"{run.name}: no request was counted, for those of the warm-up had no answer yet"
            )
            continue
        if total.failed_share > limits.max_error_share:
            found.append(
                f"{run.name}: {total.failures} of {total.requests} requests failed, "
                f"a share of {total.failed_share:.3g} where {limits.max_error_share:g} is allowed"
            )
        limit = limits.max_p99_ms
        if limit is not None and total.p99_ms is not None and total.p99_ms > limit:
            found.append(f"{run.name}: p99 is {total.p99_ms:g} ms where {limit:g} is allowed")
    return tuple(found)


def notes_on(runs: Iterable[Run], host: str) -> tuple[str, ...]:
    """What a reader must know before trusting the numbers."""
    found = [
        f"{run.name}: the load generator used {run.generator_cpu:.0%} of the one CPU it can use: "
        "it, not the service, may have set these numbers"
        for run in runs
        if run.generator_bound
    ]
    if host in {"localhost", "127.0.0.1", "::1"}:
        found.append("the service and the load generator shared one machine's CPUs")
    return tuple(found)


def percentile(histogram: dict[float, int], share: float) -> float | None:
    """The smallest value that at least `share` of all values do not exceed; None without any."""
    rank = math.ceil(sum(histogram.values()) * share)
    for value in sorted(histogram):
        rank -= histogram[value]
        if rank <= 0:
            return value
    return None
