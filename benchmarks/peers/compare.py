"""Puts a comparison together: who takes part, on which files, and what is kept of it.

What was measured so far is written beside the file of results after every visit, and the file
itself when the comparison is whole: nothing that was measured is lost or replaced by less.
"""

import dataclasses
import os
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.peers import machine, session
from benchmarks.peers.catalogue import Settings
from benchmarks.peers.errors import PeersError
from benchmarks.peers.figures.ratios import ratios
from benchmarks.peers.figures.results import (
    BareVisit,
    Comparison,
    Load,
    Results,
    ResultsUnfit,
    Tried,
    Tuning,
    Visit,
    read_results,
    read_tunings,
    write_results,
    write_tunings,
)
from benchmarks.peers.servers import contenders, environments, repository
from benchmarks.peers.servers.bare import Bare
from benchmarks.peers.servers.contenders import Entrant
from benchmarks.peers.servers.server import Known
from benchmarks.peers.session import Plan
from loadtest.traffic.texts import name_texts, read_texts

SEED = 20  # of the order of texts
BARE_FOLDER = "fastapi"  # whose environment runs bare ONNX Runtime


@dataclass(frozen=True, slots=True)
class Sources:
    """What is compared, and where it all is."""

    stillhouse: Path
    models: Path
    environments: Path
    texts: Path
    peers: tuple[str, ...]
    port: int
    tuning: Path
    bfloat16: bool = False  # the service takes part once more, with the model so
    beside: Path | None = None  # a repository with which it takes part once more


@dataclass(frozen=True, slots=True)
class _Ground:
    """What both a comparison and its tuning stand on, for one model."""

    version: Path
    texts: list[str]
    bare: Bare


def compare(
    model: str,
    sources: Sources,
    plan: Plan,
    output: Path,
    replace: bool,
    expect: Callable[[int, str, int], None],
    hear: Callable[[Visit | BareVisit], None],
) -> Comparison:
    """Runs every contender on one model in rounds, and keeps what they did in a file.

    Args:
        model: that the peers serve; the service is asked for it, and for every cascade that
            ends in it.
        sources: what is compared, and where it is.
        plan: how long, how often, where.
        output: the file of results; `unfinished(output)` has them until all are there.
        replace: what the file has on this model may be replaced.
        expect: is told of each round and contender before its visit, and of how many there are.
        hear: is told of each visit.

    Raises:
        PeersError: something is missing, or a contender is broken.
        ResultsUnfit: the file has this model already, or is none.
        TextsUnfit: the file of texts has none.
    """
    results = read_results(output)
    if results.of(model) is not None and not replace:
        raise ResultsUnfit(f"{output} has results of {model!r} already: --replace runs it anew")
    machine.check_tools(plan.server_core, plan.client_core)
    with _ground(model, sources, plan) as ground, tempfile.TemporaryDirectory() as alone:
        entrants = _entrants(model, sources, ground.version, Path(alone))
        known = _known(ground.bare, sources.models, entrants)
        comparison = Comparison(
            model=repository.describe(ground.version),
            texts=len(ground.texts),
            texts_name=name_texts(sources.texts),
            started_at=_now(),
            finished_at=None,
            machine=machine.describe(plan.server_core, plan.client_core),
            wrk=machine.wrk_version(),
            rounds=plan.rounds,
            connections=plan.connections,
            seconds=plan.seconds,
            warm_up_seconds=plan.warm_up_seconds,
            contenders=tuple(entrant.contender for entrant in entrants),
            visits=(),
            bare=(),
            ratios=(),
        )
        keeper = _Keeper(results, comparison, output, hear)
        session.run(
            plan, entrants, known, ground.texts, ground.bare, ground.version, keeper.keep, expect
        )
        return keeper.finish()


def unfinished(output: Path) -> Path:
    """Where the results are while not all are there."""
    return output.with_name(f"{output.stem}.unfinished.json")


class _Keeper:
    """Adds each visit to a comparison, and writes it down."""

    def __init__(
        self,
        results: Results,
        comparison: Comparison,
        output: Path,
        hear: Callable[[Visit | BareVisit], None],
    ) -> None:
        self._results = results
        self._comparison = comparison
        self._output = output
        self._hear = hear

    def keep(self, visit: Visit | BareVisit) -> None:
        """Adds one visit."""
        old = self._comparison
        if isinstance(visit, BareVisit):
            self._write(dataclasses.replace(old, bare=(*old.bare, visit)))
        else:
            self._write(dataclasses.replace(old, visits=(*old.visits, visit)))
        self._hear(visit)

    def finish(self) -> Comparison:
        """Marks the comparison as whole, and puts it where it belongs."""
        self._write(dataclasses.replace(self._comparison, finished_at=_now()))
        unfinished(self._output).replace(self._output)
        return self._comparison

    def _write(self, comparison: Comparison) -> None:
        self._comparison = dataclasses.replace(comparison, ratios=ratios(comparison))
        results = self._results.with_comparison(self._comparison)
        write_results(results, unfinished(self._output))


def tune(
    model: str,
    sources: Sources,
    plan: Plan,
    hear: Callable[[Tried], None],
) -> Tuning:
    """Tries every peer's settings on one model, and keeps what they gave.

    Args:
        plan: of one round; its largest number of connections is what the settings are tried on.

    Raises:
        PeersError: something is missing, or a contender is broken.
        ResultsUnfit: the file is not one of tried settings.
        TextsUnfit: the file of texts has none.
    """
    others = [one for one in read_tunings(sources.tuning) if one.model.name != model]
    machine.check_tools(plan.server_core, plan.client_core)
    with _ground(model, sources, plan) as ground:
        known = ground.bare.known([ground.version])
        tuning = Tuning(repository.describe(ground.version), _now(), ())
        for peer in contenders.named(sources.peers):
            for settings in peer.tries if len(peer.tries) > 1 else ():
                entrant = contenders.peer(
                    peer, ground.version, sources.environments, sources.port, settings, False
                )
                visit = session.visit(entrant, 0, plan, known, ground.texts)
                load: Load | None = visit.loads[-1] if visit.loads else None
                tried = Tried(peer.name, settings, load, visit.failure)
                tuning = dataclasses.replace(tuning, tried=(*tuning.tried, tried))
                write_tunings((*others, tuning), sources.tuning)
                hear(tried)
    return tuning


@contextmanager
def _ground(model: str, sources: Sources, plan: Plan) -> Iterator[_Ground]:
    """The model's files and the texts; this process keeps off the server's core meanwhile."""
    version = repository.find_version(sources.models, model)
    python = environments.find(BARE_FOLDER, sources.environments) / "python"
    texts = read_texts(sources.texts)
    random.Random(SEED).shuffle(texts)  # noqa: S311  # no secret
    before = os.sched_getaffinity(0)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
        file.write("\n".join(texts) + "\n")
        file.flush()
        os.sched_setaffinity(0, {plan.client_core})
        try:
            yield _Ground(version, texts, Bare(python, plan.server_core, Path(file.name)))
        finally:
            os.sched_setaffinity(0, before)


def _entrants(model: str, sources: Sources, version: Path, alone: Path) -> list[Entrant]:
    command, port = sources.stillhouse, sources.port
    single = repository.copy_alone(version, alone)
    cascades = repository.cascades_on(sources.models, model)
    found = [
        contenders.service(
            command, sources.models if cascade else single, model, cascade, port, bfloat16=bfloat16
        )
        for bfloat16 in ((False, True) if sources.bfloat16 else (False,))
        for cascade in (None, *cascades)
    ]
    if sources.beside is not None:
        other = repository.find_version(sources.beside, model)
        told = f":{repository.describe(other).precision}"
        found += [
            contenders.service(command, sources.beside, model, cascade, port, told_apart=told)
            for cascade in (None, *repository.cascades_on(sources.beside, model))
        ]
    tunings = {one.model.name: one for one in read_tunings(sources.tuning)}
    tuning = tunings.get(model)
    if tuning is not None and tuning.model != repository.describe(version):
        raise PeersError(
            f"{sources.tuning} has settings for another version of {model!r}: "
            f"`python -m benchmarks peers tune --model {model}` tries them anew"
        )
    for peer in contenders.named(sources.peers):
        best: Settings | None = tuning.best(peer.name) if tuning is not None else None
        settings = peer.tries[0] if best is None else best
        found.append(
            contenders.peer(peer, version, sources.environments, port, settings, best is not None)
        )
    return found


def _known(
    bare: Bare, models: Path, entrants: Sequence[Entrant]
) -> dict[tuple[str, ...], list[Known]]:
    chains = {entrant.models for entrant in entrants}
    return {
        chain: bare.known([repository.find_version(models, name) for name in chain])
        for chain in chains
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
