"""What a comparison says: medians of the rounds, and the service against each of the others.

A ratio is taken within each round, of visits that were minutes apart at most; what is stated is
the median of the rounds' ratios, with the lowest and the highest.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.peers.catalogue import CASCADE, FLOOR, PLAIN, SERVER, SERVICE
from benchmarks.peers.figures.results import BareVisit, Comparison, Contender, Load, Ratio, Visit

ByRound = Mapping[int, float]
Figure = Callable[[str], ByRound]  # of a contender by its name
Choice = Callable[[Iterable[float]], float]


@dataclass(frozen=True, slots=True)
class Standing:
    """One contender's medians over its rounds; what it has no figure for is left out or None."""

    requests_per_second: dict[int, float]  # by connections, as are the next two
    p50_ms: dict[int, float]
    p99_ms: dict[int, float]
    rss_mb: float | None
    pss_mb: float | None
    start_to_first_answer_s: float | None
    failures: tuple[str, ...]


def standing(comparison: Comparison, contender: str) -> Standing:
    """The medians of one contender; a visit with a failure does not count."""

    def by_connections(get: Callable[[Load], float]) -> dict[int, float]:
        figures = {c: _of_loads(comparison, c, get)(contender) for c in comparison.connections}
        return {c: median(found.values()) for c, found in figures.items() if found}

    def of_visits(get: Callable[[Visit], float | None]) -> float | None:
        found = _of_visits(comparison, get)(contender)
        return median(found.values()) if found else None

    return Standing(
        requests_per_second=by_connections(lambda load: load.requests_per_second),
        p50_ms=by_connections(lambda load: load.p50_ms),
        p99_ms=by_connections(lambda load: load.p99_ms),
        rss_mb=of_visits(lambda visit: visit.rss_mb),
        pss_mb=of_visits(lambda visit: visit.pss_mb),
        start_to_first_answer_s=of_visits(lambda visit: visit.start_to_first_answer_s),
        failures=tuple(
            visit.failure
            for visit in comparison.visits
            if visit.contender == contender and visit.failure is not None
        ),
    )


def ratios(comparison: Comparison) -> tuple[Ratio, ...]:
    """The service and its cascades against the best peer, plain FastAPI and the limits."""
    return tuple(
        ratio
        for contender in comparison.contenders
        if contender.kind in (SERVICE, CASCADE)
        for ratio in _against_all(comparison, contender)
        if ratio is not None
    )


def _against_all(comparison: Comparison, ours: Contender) -> Iterator[Ratio | None]:
    servers, plain = _names(comparison, SERVER), _names(comparison, PLAIN)
    for c in comparison.connections:
        rate = _of_loads(comparison, c, lambda load: load.requests_per_second)
        p99 = _of_loads(comparison, c, lambda load: load.p99_ms)
        said = f"req/s at {c}: {ours.name} over"
        yield from _over_best(said, ours.name, servers, rate, max)
        yield from _over_each(said, ours.name, plain, rate)
        if ours.kind == SERVICE:
            yield from _over_each(said, ours.name, _names(comparison, FLOOR), rate)
            limit = _of_bare(comparison, lambda visit: visit.texts_per_second)
            yield _over(f"{said} bare ONNX Runtime, texts/s", rate(ours.name), limit)
        said = f"p99 at {c}: {ours.name} over"
        yield from _over_best(said, ours.name, servers, p99, min)
        yield from _over_each(said, ours.name, plain, p99)
    if ours.kind == SERVICE:
        p50 = _of_loads(comparison, 1, lambda load: load.p50_ms)(ours.name)
        alone = _of_bare(comparison, lambda visit: visit.one_text_p50_ms)
        yield _beyond(f"p50 at 1: {ours.name} beyond bare tokenise and run", p50, alone)
    memory = _of_visits(comparison, lambda visit: visit.rss_mb)
    yield from _over_best(f"memory (RSS): {ours.name} over", ours.name, servers, memory, min)
    start = _of_visits(comparison, lambda visit: visit.start_to_first_answer_s)
    yield from _over_best(f"start: {ours.name} over", ours.name, servers, start, min)


def _names(comparison: Comparison, kind: str) -> list[str]:
    return [contender.name for contender in comparison.contenders if contender.kind == kind]


def _over_each(
    said: str, ours: str, theirs: Iterable[str], figure: Figure
) -> Iterator[Ratio | None]:
    for name in theirs:
        yield _over(f"{said} {name}", figure(ours), figure(name))


def _over_best(
    said: str, ours: str, theirs: Iterable[str], figure: Figure, choose: Choice
) -> Iterator[Ratio | None]:
    medians = {name: median(found.values()) for name in theirs if (found := figure(name))}
    if medians:
        best = choose(medians.values())
        name = next(name for name, value in medians.items() if value == best)
        yield _over(f"{said} the best peer ({name})", figure(ours), figure(name))


def _over(name: str, ours: ByRound, theirs: ByRound) -> Ratio | None:
    rounds = ours.keys() & theirs.keys()
    values = [ours[round_] / theirs[round_] for round_ in rounds if theirs[round_]]
    return _ratio(name, values, "x")


def _beyond(name: str, ours: ByRound, theirs: ByRound) -> Ratio | None:
    rounds = ours.keys() & theirs.keys()
    return _ratio(name, [ours[round_] - theirs[round_] for round_ in rounds], "ms")


def _ratio(name: str, values: list[float], unit: str) -> Ratio | None:
    if not values:
        return None
    middle, low, high = (round(choose(values), 4) for choose in (median, min, max))
    return Ratio(name, middle, low, high, unit)


def _of_loads(comparison: Comparison, connections: int, get: Callable[[Load], float]) -> Figure:
    return lambda name: {
        visit.round: get(load)
        for visit in comparison.visits
        if visit.contender == name and visit.failure is None
        for load in visit.loads
        if load.connections == connections
    }


def _of_visits(comparison: Comparison, get: Callable[[Visit], float | None]) -> Figure:
    return lambda name: {
        visit.round: value
        for visit in comparison.visits
        if visit.contender == name and visit.failure is None
        if (value := get(visit)) is not None
    }


def _of_bare(comparison: Comparison, get: Callable[[BareVisit], float]) -> ByRound:
    return {visit.round: get(visit) for visit in comparison.bare}
