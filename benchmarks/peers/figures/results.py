"""What a comparison found: frozen values, written as JSON after every visit.

A visit is one start of one contender in one round. Times are milliseconds unless named
otherwise. Knows nothing of how servers are started or loads are put.
"""

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

SCHEMA_VERSION = 1


class ResultsUnfit(Exception):
    """A file of results cannot be read, or has what must not be overwritten."""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw with so many connections, each asking anew as soon as it is answered.

    The percentiles are wrk's own, which adds the waits that a stalled server kept it from
    starting (its correction for coordinated omission). Failures are answers from status 400 on,
    and socket errors and timeouts.
    """

    connections: int
    requests: int
    seconds: float
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    refused: int  # answers with a status of 400 or more
    socket_errors: int  # connect, read, write
    timeouts: int

    @property
    def failures(self) -> int:
        """All requests that did not get a good answer in time."""
        return self.refused + self.socket_errors + self.timeouts


@dataclass(frozen=True, slots=True)
class Visit:
    """One start of a server, all loads put on it in turn, and its end.

    Memory is read after the last load, over all its processes. `rss_mb` counts a shared page in
    each process that has it, `pss_mb` once.
    """

    contender: str
    round: int
    start_to_first_answer_s: float | None
    rss_mb: float | None
    pss_mb: float | None
    loads: tuple[Load, ...]
    failure: str | None  # why it has no figures, or why they do not count


@dataclass(frozen=True, slots=True)
class BatchSpeed:
    """Bare ONNX Runtime on batches of one size, texts sorted by length and tokenised before."""

    batch: int
    texts_per_second: float


@dataclass(frozen=True, slots=True)
class BareVisit:
    """Bare ONNX Runtime in one round: one thread on the server's core, no server.

    `texts_per_second` is that of the best batch size, sorted by length, tokenised before: the
    engine's limit. `with_tokenizer` is the same with the tokeniser's time in it, `unsorted`
    the same in the texts' own order. The percentiles are of one text at a time, tokenised and
    run.
    """

    round: int
    batches: tuple[BatchSpeed, ...]
    best_batch: int
    texts_per_second: float
    with_tokenizer: float
    unsorted: float
    one_text_p50_ms: float
    one_text_p99_ms: float


@dataclass(frozen=True, slots=True)
class Contender:
    """Who took part, and how it was set up."""

    name: str
    kind: str  # service, cascade, plain, server or floor
    command: str
    path: str  # what is posted to
    note: str  # what was set and tried, and why
    versions: dict[str, str]
    settings: dict[str, str]
    tuned: bool  # the settings are the best of those that `tune` tried on this model


@dataclass(frozen=True, slots=True)
class Served:
    """The model that every contender serves."""

    name: str
    version: int
    precision: str
    sha256: str  # of model.onnx


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it ran. `busy` is each used core's share of time that others used just before."""

    cpu: str
    cpus: int
    kernel: str
    server_core: int
    client_core: int
    server_core_busy: float
    client_core_busy: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """One figure over another, both of the same round: the median over rounds, and the range."""

    name: str
    value: float
    low: float
    high: float
    unit: str  # "x", or "ms" for a difference


@dataclass(frozen=True, slots=True)
class Comparison:
    """One model, every contender, in rounds; `finished_at` is None until the last visit."""

    model: Served
    texts: int
    texts_name: str
    started_at: str
    finished_at: str | None
    machine: Machine
    wrk: str
    rounds: int
    connections: tuple[int, ...]
    seconds: int  # of each load
    warm_up_seconds: int
    contenders: tuple[Contender, ...]
    visits: tuple[Visit, ...]
    bare: tuple[BareVisit, ...]
    ratios: tuple[Ratio, ...]


@dataclass(frozen=True, slots=True)
class Results:
    """A file: one comparison a model."""

    schema_version: int
    comparisons: tuple[Comparison, ...]

    def of(self, model: str) -> Comparison | None:
        """The comparison on a model, if there is one."""
        return next((one for one in self.comparisons if one.model.name == model), None)

    def with_comparison(self, comparison: Comparison) -> "Results":
        """The same with one comparison in place of an earlier one on its model."""
        name = comparison.model.name
        others = tuple(one for one in self.comparisons if one.model.name != name)
        return Results(self.schema_version, (*others, comparison))


@dataclass(frozen=True, slots=True)
class Tried:
    """Settings of a contender, and what they gave."""

    contender: str
    settings: dict[str, str]
    load: Load | None  # None where it did not run
    failure: str | None


@dataclass(frozen=True, slots=True)
class Tuning:
    """All settings that were tried on one model; the fastest without a failure is taken."""

    model: Served
    at: str
    tried: tuple[Tried, ...]

    def best(self, contender: str) -> dict[str, str] | None:
        """The settings of a contender that answered most requests a second."""
        good = [
            (one.load.requests_per_second, one.settings)
            for one in self.tried
            if one.contender == contender and one.load is not None and one.failure is None
        ]
        return max(good, key=lambda pair: pair[0])[1] if good else None


RESULTS: TypeAdapter[Results] = TypeAdapter(Results)
TUNINGS: TypeAdapter[tuple[Tuning, ...]] = TypeAdapter(tuple[Tuning, ...])


def read_results(path: Path) -> Results:
    """Reads a file of results; one that is not there has none.

    Raises:
        ResultsUnfit: it is of another form.
    """
    if not path.exists():
        return Results(SCHEMA_VERSION, ())
    try:
        results = RESULTS.validate_json(path.read_bytes())
    except ValidationError as error:
        raise ResultsUnfit(f"{path} is not a file of peers' results: {_first(error)}") from error
    if results.schema_version != SCHEMA_VERSION:
        raise ResultsUnfit(f"{path} has schema version {results.schema_version}, not 1")
    return results


def read_tunings(path: Path) -> tuple[Tuning, ...]:
    """Reads what `tune` wrote; a file that is not there has nothing.

    Raises:
        ResultsUnfit: it is of another form.
    """
    if not path.exists():
        return ()
    try:
        return TUNINGS.validate_json(path.read_bytes())
    except ValidationError as error:
        raise ResultsUnfit(f"{path} is not a file of tried settings: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    found = error.errors()[0]
    return f"{'.'.join(map(str, found['loc']))}: {found['msg']}"


def write_results(results: Results, path: Path) -> None:
    """Replaces a file of results, whole."""
    write_whole(RESULTS.dump_json(results, indent=1), path)


def write_tunings(tunings: tuple[Tuning, ...], path: Path) -> None:
    """Replaces a file of tried settings, whole."""
    write_whole(TUNINGS.dump_json(tunings, indent=1), path)


def write_whole(content: bytes, path: Path) -> None:
    """Replaces a file in one step, so that no reader sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content + b"\n")
    partial.replace(path)
