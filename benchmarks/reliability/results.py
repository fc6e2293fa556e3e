"""What was found: frozen values, one JSON file a benchmark. Times are milliseconds unless named."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from benchmarks.peers.figures.results import Machine, ResultsUnfit, Served, write_whole
from benchmarks.reliability.fate import Fate

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of some requests; the times are of all that were sent."""

    requests: int
    fates: dict[str, int]
    details: dict[str, int]  # the most frequent words about what was not well
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None

    def of(self, *fates: Fate) -> int:
        """How many met one of these fates."""
        return sum(self.fates.get(str(fate), 0) for fate in fates)


@dataclass(frozen=True, slots=True)
class Phases:
    """One tally before a fault, one from its begin to its end, one after it."""

    before: Tally
    during: Tally
    after: Tally

    def of(self, *fates: Fate) -> int:
        """How many met one of these fates, at any time."""
        return sum(one.of(*fates) for one in (self.before, self.during, self.after))


@dataclass(frozen=True, slots=True)
class Conditions:
    """Where and how it ran."""

    started_at: str
    seconds: float
    commit: str
    machine: Machine
    versions: dict[str, str]
    models: tuple[Served, ...]
    settings: dict[str, str]
    capacity: float | None  # of the mix, answers a second; None where the rate was given
    rate: float  # requests a second


@dataclass(frozen=True, slots=True)
class Point:
    """The service at one time of a soak."""

    second: float
    rss_mb: float
    p50_ms: float | None  # the neighbour's
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory once the service has settled, and at the end."""

    settled_s: float
    settled_mb: float
    end_mb: float

    @property
    def change(self) -> float:
        """As a share of what it was."""
        return self.end_mb / self.settled_mb - 1


@dataclass(frozen=True, slots=True)
class Soak:
    """A long run under an even load."""

    schema_version: int
    conditions: Conditions
    load: Tally
    neighbour: Tally
    memory: Memory
    errors_logged: int
    points: tuple[Point, ...]
    missed: tuple[str, ...]  # what was not as it must be


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault under load."""

    name: str
    what: str
    seconds: float
    load: Phases | None  # None where it was skipped
    neighbour: Phases | None
    findings: dict[str, str]
    missed: tuple[str, ...]
    skipped: str | None  # why


@dataclass(frozen=True, slots=True)
class Chaos:
    """Faults, one after another."""

    schema_version: int
    conditions: Conditions
    faults: tuple[Fault, ...]

    @property
    def missed(self) -> tuple[str, ...]:
        """What was not as it must be."""
        return tuple(f"{fault.name}: {each}" for fault in self.faults for each in fault.missed)


@dataclass(frozen=True, slots=True)
class Source:
    """Requests of one making; None where there were none, for the reason that is given."""

    name: str
    shots: Tally | None
    skipped: str | None


@dataclass(frozen=True, slots=True)
class Fuzz:
    """Requests that are no good ones, with good ones between and beside them."""

    schema_version: int
    conditions: Conditions
    sources: tuple[Source, ...]
    good: Tally
    calm: Tally  # the neighbour before
    neighbour: Tally  # and meanwhile
    errors_logged: int
    missed: tuple[str, ...]


Found = TypeVar("Found", Soak, Chaos, Fuzz)


def write(found: Soak | Chaos | Fuzz, path: Path) -> None:
    """Replaces a file of results, whole."""
    adapter: TypeAdapter[Any] = TypeAdapter(type(found))
    write_whole(adapter.dump_json(found, indent=1), path)


def read(kind: type[Found], path: Path) -> Found | None:
    """Reads a file of results; None where it is not there.

    Raises:
        ResultsUnfit: it is of another form.
    """
    if not path.exists():
        return None
    try:
        adapter: TypeAdapter[Found] = TypeAdapter(kind)
        found = adapter.validate_json(path.read_bytes())
    except ValidationError as error:
        raise ResultsUnfit(f"{path} is no file of such results: {error.errors()[0]}") from error
    if found.schema_version != SCHEMA_VERSION:
        raise ResultsUnfit(f"{path} has schema version {found.schema_version}, not 1")
    return found
