"""What a load test found: frozen values. Knows nothing of Locust, of files or of how they look.

All times are milliseconds as the client saw them, counted in an open loop from when the request
was to be sent; all rates are per second.
"""

from dataclasses import dataclass
from datetime import datetime

from loadtest.load import Content, Pace

BUSY = 0.9  # of one CPU: above this the load generator may have been the bottleneck
LATE_MS = 5.0  # the 99th percentile of its lag, likewise, where it is also
LATE_SHARE = 0.1  # more than this share of the p99 that it measured


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the time of the good answers went: one part of it.

    `queue`, `tokenize` and `inference` as the service tells; `service` is the rest of its own
    time, and `outside` the rest of the client's: the network, HTTP, the generator's own delay.
    """

    name: str
    mean_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """The requests of one name.

    Every request that was to begin in the counted time is in it, the failed ones too; percentiles
    are by nearest rank, of times kept to three digits, and the largest is exact. They are None
    where there was no request. `answered_per_second` are good answers that came in that time.
    `escalated_share` and `degraded_share` are of the texts, None where none was answered;
    `accuracy` is of the `labelled` texts that were answered, those whose right label is known.
    """

    name: str
    requests: int
    failures: int
    texts: int
    requests_per_second: float
    answered_per_second: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    escalated_share: float | None
    stages: tuple[Stage, ...] = ()
    degraded_share: float | None = None
    accuracy: float | None = None
    labelled: int = 0

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
    """About one second of a run: what ended in it, of the requests that are counted."""

    at: float  # its end, in seconds since the run's start
    offered_per_second: float | None  # of an open loop, as its profile has it
    answered_per_second: float
    failures: int
    p50_ms: float | None
    p99_ms: float | None
    degraded_share: float | None = None  # of the texts that were answered


@dataclass(frozen=True, slots=True)
class Generator:
    """How the load generator itself did.

    Attributes:
        cpu: mean share of one CPU, of the busiest process; Locust runs on one.
        lag_p99_ms: by how much it was late: in an open loop sending requests, in a closed one
            waking up for ticks.
        held: arrivals that waited in it, since a process had as many requests on their way as
            it can have; their wait is counted.
    """

    processes: int
    cpu: float
    lag_p50_ms: float | None
    lag_p99_ms: float | None
    held: int


@dataclass(frozen=True, slots=True)
class Batches:
    """The batches that the service ran for one model, warm-up included, as it says itself."""

    model: str
    batches: int
    texts: int


@dataclass(frozen=True, slots=True)
class Run:
    """One run, of one model, cascade or mix."""

    name: str
    model: str
    pace: Pace
    seconds: int
    total: Row
    rows: tuple[Row, ...]  # by request name: one for a model, several for a mix
    failures: tuple[Failure, ...]
    timeline: tuple[Second, ...]
    generator: Generator
    batches: tuple[Batches, ...] = ()

    @property
    def first_failure(self) -> Second | None:
        """The second in which a request first failed."""
        return next((second for second in self.timeline if second.failures), None)

    @property
    def generator_bound(self) -> bool:
        """The load generator, not the service, may have set these numbers."""
        lag, p99 = self.generator.lag_p99_ms or 0.0, self.total.p99_ms or 0.0
        return self.generator.cpu > BUSY or (lag > LATE_MS and lag > LATE_SHARE * p99)


@dataclass(frozen=True, slots=True)
class Step:
    """One rate of a search: what it broke of the objective, or nothing."""

    rate: float
    run: Run
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Capacity:
    """The most requests a second of one model within an objective.

    `rate` is the highest that was measured and kept it; 0 if none did. `ended_by` says what the
    search met above it: the objective's end, the load generator's (then the service may have
    more), or the highest rate that was to be tried.
    """

    model: str
    objective: str
    rate: float
    ended_by: str  # objective | generator | highest
    steps: tuple[Step, ...]

    @property
    def best(self) -> Step | None:
        """The step of that rate."""
        return next((step for step in self.steps if step.rate == self.rate), None)


@dataclass(frozen=True, slots=True)
class Price:
    """What the service's machine costs."""

    core_hour: float
    cores: float

    def of_a_million(self, requests_per_second: float) -> float | None:
        """Of a million requests at that rate, in the currency of the core-hour."""
        if requests_per_second <= 0:
            return None
        return round(1e6 / requests_per_second / 3600 * self.core_hour * self.cores, 4)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a million requests cost in one run, or at a capacity."""

    name: str
    requests_per_second: float
    of_a_million: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """A whole load test; as JSON, the record of it."""

    schema_version: int
    started_at: datetime
    host: str
    content: Content
    texts: str  # what they were, in words
    batches: str  # how many texts a request had, in words
    seconds: int
    warm_up_seconds: int
    seed: int
    locust_version: str
    python_version: str
    cpu_count: int
    limits: tuple[str, ...]
    runs: tuple[Run, ...]
    capacities: tuple[Capacity, ...]
    price: Price | None
    costs: tuple[Cost, ...]
    broken: tuple[str, ...]  # the limits that were exceeded; empty is good
    notes: tuple[str, ...]  # what a reader must know before trusting the numbers
