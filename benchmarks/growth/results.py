"""What a run found: frozen values, written as JSON after every visit.

A visit is one start of the service for one point in one round. CPU is in cores: seconds of CPU
time a second.
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from benchmarks.growth.plan import Plan, Point
from benchmarks.peers.figures.results import Load, Machine, ResultsUnfit, Served, write_whole

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Use:
    """What a load took.

    `loop_cpu` is that of the main thread of each of the service's processes, which runs the event
    loop: HTTP, JSON, tokenising. `other_cpu` is that of all other threads: the model. `busiest` is
    the share of both that the busiest process had. Memory is read after the load, over all
    processes: `rss_mb` counts a shared page in each process that has it, `pss_mb` once.
    """

    client_cpu: float  # of wrk
    loop_cpu: float
    other_cpu: float
    busiest: float  # 0 to 1
    rss_mb: float
    pss_mb: float


@dataclass(frozen=True, slots=True)
class Visit:
    """One point in one round; `load` and `use` are None where it failed before the load."""

    point: Point
    round: int
    load: Load | None
    use: Use | None
    failure: str | None

    @property
    def texts_per_second(self) -> float | None:
        """Texts answered; None where the visit does not count."""
        if self.load is None or self.failure is not None:
            return None
        return self.load.requests_per_second * self.point.texts_a_request


@dataclass(frozen=True, slots=True)
class Run:
    """All points, in rounds; `finished_at` is None until the last visit.

    The service runs on the first of `cpus`, as many as a point asks for; wrk on the last, which
    it then shares with the service where a point asks for all.
    """

    schema_version: int
    started_at: str
    finished_at: str | None
    plan: Plan
    models: tuple[Served, ...]
    versions: dict[str, str]
    settings: dict[str, str]  # of the service, besides workers and threads
    sentences: int
    machine: Machine
    cpus: tuple[int, ...]
    wrk: str
    visits: tuple[Visit, ...]


RUN: TypeAdapter[Run] = TypeAdapter(Run)


def read_run(path: Path) -> Run:
    """Reads a file of results.

    Raises:
        ResultsUnfit: it is of another form.
        OSError: it cannot be read.
    """
    try:
        run = RUN.validate_json(path.read_bytes())
    except ValidationError as error:
        found = error.errors()[0]
        place = ".".join(map(str, found["loc"]))
        raise ResultsUnfit(
            f"{path} is not a file of growth's results: {place}: {found['msg']}"
        ) from error
    if run.schema_version != SCHEMA_VERSION:
        raise ResultsUnfit(f"{path} has schema version {run.schema_version}, not {SCHEMA_VERSION}")
    return run


def write_run(run: Run, path: Path) -> None:
    """Replaces a file of results, whole."""
    write_whole(RUN.dump_json(run, indent=1), path)
