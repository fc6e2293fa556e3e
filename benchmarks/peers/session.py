"""One comparison: rounds, in each of which every contender is started, loaded and ended in turn.

Knows nothing of files of results and terminals: whoever calls hears of each visit.
"""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.catalogue import FLOOR
from benchmarks.peers.errors import VisitFailed
from benchmarks.peers.figures.results import BareVisit, Load, Visit
from benchmarks.peers.machine import check_port, memory_mb
from benchmarks.peers.servers.bare import Bare
from benchmarks.peers.servers.contenders import Entrant
from benchmarks.peers.servers.server import Known, Server, running
from benchmarks.peers.wrk import put_load

BARE = "bare"


@dataclass(frozen=True, slots=True)
class Plan:
    """How long, how often, with how many, where."""

    rounds: int
    connections: tuple[int, ...]
    seconds: int
    warm_up_seconds: int
    server_core: int
    client_core: int


def order(names: Sequence[str], round_: int, rounds: int) -> list[str]:
    """The contenders in the order of a round.

    Each round begins a share further on, so that whatever drifts, heat or the neighbours of a
    virtual machine, falls on all of them.
    """
    start = round_ * len(names) // rounds
    return [*names[start:], *names[:start]]


def run(
    plan: Plan,
    entrants: Sequence[Entrant],
    known: dict[tuple[str, ...], list[Known]],
    texts: Sequence[str],
    bare: Bare,
    version: Path,
    hear: Callable[[Visit | BareVisit], None],
    expect: Callable[[int, str, int], None],
) -> None:
    """Runs all rounds.

    Args:
        plan: of the whole.
        entrants: every contender but bare ONNX Runtime, which takes its turn with them.
        known: what to check the contenders on, by the models that answer.
        texts: what is asked.
        bare: the engine without a server.
        version: the directory of the model that it runs.
        hear: is told of each visit as soon as it is over.
        expect: is told of each round and contender before, and of how many visits there will be.

    Raises:
        WrongAnswer: a contender is broken, and so is the comparison.
    """
    by_name = {entrant.contender.name: entrant for entrant in entrants}
    visits = plan.rounds * (len(by_name) + 1)
    for round_ in range(plan.rounds):
        for name in order([*by_name, BARE], round_, plan.rounds):
            expect(round_, name, visits)
            if name == BARE:
                hear(bare.speed(version, round_, bare_seconds(plan)))
            else:
                entrant = by_name[name]
                is_floor = entrant.contender.kind == FLOOR  # it has no model, so no right answer
                known_to_it = [] if is_floor else known[entrant.models]
                hear(visit(entrant, round_, plan, known_to_it, texts))


def bare_seconds(plan: Plan) -> float:
    """As long as the loads on a server."""
    return float(plan.seconds * len(plan.connections))


def visit(
    entrant: Entrant, round_: int, plan: Plan, known: Sequence[Known], texts: Sequence[str]
) -> Visit:
    """Starts one contender, checks it, loads it, ends it; a failure is part of the result.

    Raises:
        WrongAnswer: it gave a wrong label.
        ToolMissing: its port is taken.
    """
    check_port(entrant.launch.port)
    loads: list[Load] = []
    start = rss = pss = failure = None
    try:
        with running(entrant.launch, plan.server_core) as server:
            start = round(server.start_to_first_answer_s, 3)
            server.check_answers(known)
            loads = put_loads(server, plan, texts)
            rss, pss = memory_mb(server.processes())
    except VisitFailed as error:
        failure = str(error)
    if failure is None:
        failure = failure_in(loads)
    return Visit(entrant.contender.name, round_, start, rss, pss, tuple(loads), failure)


def failure_in(loads: Sequence[Load]) -> str | None:
    """Why loads do not count: what was not answered well; None where all was."""
    return (
        "; ".join(
            f"{load.connections} connections: {load.requests} answers, {load.refused} of them "
            f"refusals, {load.socket_errors} socket errors, {load.timeouts} timeouts"
            for load in loads
            if load.failures or not load.requests
        )
        or None
    )


def put_loads(server: Server, plan: Plan, texts: Sequence[str]) -> list[Load]:
    """Warms a server up, and puts every load of the plan on it."""
    form = server.launch.form
    lines = "".join(json.dumps(form.body(text)) + "\n" for text in texts)
    found = []
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".jsonl") as bodies:
        bodies.write(lines)
        bodies.flush()
        path = Path(bodies.name)
        put_load(
            server.launch.url, path, max(plan.connections), plan.warm_up_seconds, plan.client_core
        )
        server.confine()  # now that it has all of its threads
        for connections in plan.connections:
            server.settle()
            load = put_load(server.launch.url, path, connections, plan.seconds, plan.client_core)
            server.check_alive()
            found.append(load)
    return found
