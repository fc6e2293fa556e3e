"""A run: every point in every round, kept as it goes, so that one that was broken off goes on."""

import dataclasses
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.growth.material import SEED, lay_out
from benchmarks.growth.plan import CLASSES, Plan, Point, points
from benchmarks.growth.results import SCHEMA_VERSION, Run, Visit, read_run, write_run
from benchmarks.growth.visit import SETTINGS, Place, visit
from benchmarks.peers import machine
from benchmarks.peers.figures.results import ResultsUnfit
from benchmarks.peers.servers import contenders, repository
from benchmarks.peers.session import order
from loadtest.traffic.texts import SENTENCES, read_texts

FIXED = ("plan", "models", "versions", "settings", "sentences", "cpus", "wrk")


def run(
    plan: Plan,
    models: Path,
    place: Place,
    output: Path,
    replace: bool,
    expect: Callable[[str, int, int], None],
    hear: Callable[[Visit], None],
) -> Run:
    """Measures every point in rounds, and keeps what was found in a file.

    Args:
        models: the model repository.
        output: the file of results; `unfinished(output)` has them until all are there, and is
            what a run goes on from.
        replace: what the file has may be replaced.
        expect: is told of each visit before it, and of how many there are left and in all.
        hear: is told of each visit.

    Raises:
        PeersError: a tool, a model or the service is missing.
        ResultsUnfit: there are results already, or what there is was begun in another way.
        CopyUnfit, TextsUnfit: a point cannot be made of a model.
        OSError: a file cannot be read or written.
    """
    if output.exists() and not replace:
        raise ResultsUnfit(f"{output} is there already: --replace runs it anew")
    machine.check_tools(place.cpus[0], place.cpus[-1])
    versions = {name: repository.find_version(models, name) for name in plan.models}
    wanted = points(plan)
    _check_copies(wanted, versions)
    sentences = read_texts(SENTENCES)
    random.Random(SEED).shuffle(sentences)  # noqa: S311  # no secret
    found = _begin(plan, versions, place, len(sentences))
    path = unfinished(output)
    if path.exists():
        found = _go_on(found, read_run(path), path, replace)
    with _on(place.cpus[-1]):
        for left, total, round_, point in _missing(found, wanted):
            expect(f"round {round_ + 1} of {plan.rounds}, {point.name}", left, total)
            one = visit(point, versions[point.model], sentences, plan, round_, place)
            found = dataclasses.replace(found, visits=(*found.visits, one))
            write_run(found, path)
            hear(one)
    found = dataclasses.replace(found, finished_at=_now())
    write_run(found, path)
    path.replace(output)
    return found


def unfinished(output: Path) -> Path:
    """Where the results are while not all are there."""
    return output.with_name(f"{output.stem}.unfinished.json")


def _begin(plan: Plan, versions: dict[str, Path], place: Place, sentences: int) -> Run:
    name, version = next(iter(versions.items()))
    service = contenders.service(place.stillhouse, version.parents[1], name, None, place.port)
    return Run(
        schema_version=SCHEMA_VERSION,
        started_at=_now(),
        finished_at=None,
        plan=plan,
        models=tuple(map(repository.describe, versions.values())),
        versions=service.contender.versions,
        settings=SETTINGS,
        sentences=sentences,
        machine=machine.describe(place.cpus[0], place.cpus[-1]),
        cpus=place.cpus,
        wrk=machine.wrk_version(),
        visits=(),
    )


def _go_on(new: Run, old: Run, path: Path, replace: bool) -> Run:
    """The unfinished run, what failed left out; the new one where the old is to be replaced."""
    differ = [name for name in FIXED if getattr(new, name) != getattr(old, name)]
    if new.machine.cpu != old.machine.cpu:
        differ.append("machine")
    if not differ:
        return dataclasses.replace(
            old, visits=tuple(each for each in old.visits if each.failure is None)
        )
    if replace:
        return new
    raise ResultsUnfit(
        f"{path} was begun with another {differ[0]}: give the same, or --replace to begin anew"
    )


def _missing(found: Run, wanted: list[Point]) -> Iterator[tuple[int, int, int, Point]]:
    """What was not visited yet, with how many are left and how many there are in all.

    Each round begins further on, so that whatever drifts falls on all points.
    """
    by_name = {point.name: point for point in wanted}
    done = {(each.round, each.point.name) for each in found.visits}
    rounds = found.plan.rounds
    steps = [
        (round_, by_name[name])
        for round_ in range(rounds)
        for name in order(list(by_name), round_, rounds)
        if (round_, name) not in done
    ]
    for index, (round_, point) in enumerate(steps):
        yield len(steps) - index, rounds * len(by_name), round_, point


def _check_copies(wanted: list[Point], versions: dict[str, Path]) -> None:
    """Makes the copies that not every model can be made into, before anything is measured."""
    for point in wanted:
        if point.dimension == CLASSES:
            with tempfile.TemporaryDirectory(prefix="growth-") as scratch:
                lay_out(point, versions[point.model], Path(scratch))


@contextmanager
def _on(core: int) -> Iterator[None]:
    """This process keeps off the service's cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
