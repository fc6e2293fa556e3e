"""Embeddings: the service against Infinity, on the same graph, one text a request.

Both answer in OpenAI's form. Infinity pools outside the graph, so it is given the same graph up
to the tokens' vectors (`infinity/serve.py`). Both must give the same vectors, or nothing is said.
"""

import json
import random
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
import urllib3

from benchmarks.peers import machine, session
from benchmarks.peers.catalogue import PEERS, Form
from benchmarks.peers.errors import VisitFailed, WrongAnswer
from benchmarks.peers.figures.results import Load, Machine, Served, Visit
from benchmarks.peers.servers import contenders, repository
from benchmarks.peers.servers.contenders import OURS
from benchmarks.peers.servers.server import Launch, Server, running
from benchmarks.peers.session import Plan

Float32Array = npt.NDArray[np.float32]

BAR_SPEED = 1.3  # times the texts a second of Infinity
BAR_P99 = 0.5  # of Infinity's
BAR_CONNECTIONS = 32
NEAR = 0.999  # the least cosine of two contenders' vectors of a text; bfloat16 rounds them
CHECKED = 16  # texts
SEED = 20  # of the order of texts


@dataclass(frozen=True, slots=True)
class Against:
    """The service's figures over those of Infinity's fastest settings: the median over rounds."""

    contender: str
    connections: int
    speed: float
    p99: float


@dataclass(frozen=True, slots=True)
class Embeddings:
    """What was found."""

    model: Served
    texts: int
    started_at: str
    machine: Machine
    seconds: int
    visits: tuple[Visit, ...]
    against: tuple[Against, ...]

    @property
    def reaches_the_bar(self) -> bool:
        """Whether the service, as shipped, is as much faster as it is to be."""
        return any(
            (one.contender, one.connections) == (OURS, BAR_CONNECTIONS)
            and one.speed >= BAR_SPEED
            and one.p99 <= BAR_P99
            for one in self.against
        )


@dataclass(frozen=True, slots=True)
class Sources:
    """Where all that is compared is."""

    stillhouse: Path
    models: Path
    environments: Path
    port: int
    bfloat16: bool = False  # the service takes part once more, with the model so


def compare(
    model: str,
    texts: Sequence[str],
    sources: Sources,
    plan: Plan,
    hear: Callable[[Visit], None],
) -> Embeddings:
    """Runs every contender in every round.

    Args:
        model: an embedder of the repository.
        hear: is told of each visit.

    Raises:
        PeersError: something is missing, or the contenders' vectors differ.
    """
    machine.check_tools(plan.server_core, plan.client_core)
    version = repository.find_version(sources.models, model)
    shuffled = list(texts)
    random.Random(SEED).shuffle(shuffled)  # noqa: S311  no secret
    found = Embeddings(
        model=repository.describe(version),
        texts=len(shuffled),
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine.describe(plan.server_core, plan.client_core),
        seconds=plan.seconds,
        visits=(),
        against=(),
    )
    vectors: dict[str, Float32Array] = {}
    with tempfile.TemporaryDirectory() as alone:
        launches = list(_launches(version, repository.copy_alone(version, Path(alone)), sources))
        for round_ in range(plan.rounds):
            for place in range(len(launches)):
                launch = launches[(place + round_) % len(launches)]
                visit = _visit(launch, round_, plan, shuffled, vectors)
                found = replace(found, visits=(*found.visits, visit))
                hear(visit)
    return replace(found, against=tuple(against(found.visits, plan.connections)))


def write(found: Embeddings, path: Path) -> None:
    """Writes what was found as JSON."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(asdict(found), indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def _launches(version: Path, alone: Path, sources: Sources) -> Iterator[Launch]:
    """The service, and Infinity with each of its settings."""
    name = version.parent.name
    for bfloat16 in (False, True) if sources.bfloat16 else (False,):
        ours = contenders.service(
            sources.stillhouse, alone, name, None, sources.port, bfloat16=bfloat16
        )
        yield replace(ours.launch, form=_form("/v1/embeddings", name))
    infinity = PEERS["infinity"]
    for settings in infinity.tries:
        entrant = contenders.peer(
            infinity, version, sources.environments, sources.port, settings, tuned=False
        )
        called = f"{infinity.name}:{settings['BATCH_SIZE']}"
        yield replace(entrant.launch, name=called, form=_form("/embeddings", "model"))


def _form(path: str, model: str) -> Form:
    return Form(
        path,
        lambda text: {"model": model, "input": text},
        lambda answer: str(answer["data"][0]["embedding"]),
    )


def _visit(
    launch: Launch,
    round_: int,
    plan: Plan,
    texts: Sequence[str],
    vectors: dict[str, Float32Array],
) -> Visit:
    """Starts one contender, checks its vectors, loads it, ends it.

    Args:
        vectors: of the texts that are checked, by contender; gets those of this one.

    Raises:
        WrongAnswer: they differ from those of another.
    """
    machine.check_port(launch.port)
    loads: list[Load] = []
    start = rss = pss = failure = None
    try:
        with running(launch, plan.server_core) as server:
            start = round(server.start_to_first_answer_s, 3)
            vectors[launch.name] = _vectors(server, texts[:CHECKED])
            check_alike(vectors)
            loads = session.put_loads(server, plan, texts)
            rss, pss = machine.memory_mb(server.processes())
    except VisitFailed as error:
        failure = str(error)
    return Visit(
        launch.name, round_, start, rss, pss, tuple(loads), failure or session.failure_in(loads)
    )


def _vectors(server: Server, texts: Sequence[str]) -> Float32Array:
    with urllib3.PoolManager(retries=False) as pool:
        rows = []
        for text in texts:
            answer = pool.request("POST", server.launch.url, json=server.launch.form.body(text))
            if answer.status != 200:
                raise VisitFailed(f"{server.launch.name}: {answer.status}: {answer.data[:300]!r}")
            rows.append(answer.json()["data"][0]["embedding"])
    return np.array(rows, np.float32)


def check_alike(vectors: dict[str, Float32Array]) -> None:
    """Raises WrongAnswer unless all contenders give the texts the same vectors.

    Args:
        vectors: by contender, at length 1.
    """
    (first, mine), *others = vectors.items()
    for name, found in others:
        least = float(np.min(np.sum(mine * found, axis=1)))
        if least < NEAR:
            raise WrongAnswer(f"{name} and {first} give a text other vectors: cosine {least:.4f}")


def against(visits: Sequence[Visit], connections: Sequence[int]) -> Iterator[Against]:
    """Of each of the service's contenders, where every round has it and Infinity."""
    ours = dict.fromkeys(visit.contender for visit in visits if visit.contender.startswith(OURS))
    rounds = {visit.round for visit in visits}
    for name in ours:
        for number in connections:
            ratios = [_ratios(name, _loads(visits, round_, number)) for round_ in rounds]
            known = [one for one in ratios if one is not None]
            if len(known) == len(rounds):
                speed, p99 = (round(median(column), 3) for column in zip(*known, strict=True))
                yield Against(name, number, speed, p99)


def _loads(visits: Sequence[Visit], round_: int, connections: int) -> dict[str, Load]:
    """The loads of a round with so many connections, by contender."""
    return {
        visit.contender: load
        for visit in visits
        if visit.round == round_ and visit.failure is None
        for load in visit.loads
        if load.connections == connections
    }


def _ratios(name: str, loads: dict[str, Load]) -> tuple[float, float] | None:
    """Texts a second and p99 over those of Infinity's fastest; None: one of them is missing."""
    theirs = [load for one, load in loads.items() if not one.startswith(OURS)]
    if name not in loads or not theirs:
        return None
    mine, best = loads[name], max(theirs, key=lambda load: load.requests_per_second)
    return mine.requests_per_second / best.requests_per_second, mine.p99_ms / best.p99_ms
