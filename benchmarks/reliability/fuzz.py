"""Fuzzing: requests that are no good ones, with good ones between and beside them."""

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.reliability import stage
from benchmarks.reliability.agents.crew import Agent, agent
from benchmarks.reliability.errors import ServiceFailed
from benchmarks.reliability.fate import SHOT, Fate
from benchmarks.reliability.faults.common import ADMIN_KEY, health
from benchmarks.reliability.load.orders import Shots
from benchmarks.reliability.load.recorder import Recorder
from benchmarks.reliability.results import SCHEMA_VERSION, Fuzz, Source, Tally
from benchmarks.reliability.service.conditions import Place, describe, ended
from benchmarks.reliability.service.process import Launch, Service, serving
from benchmarks.reliability.shots.shooting import MUTATED, SERVICE

# /admin is there, and no shot has its key.
SETTINGS = {"STILLHOUSE_LOG_LEVEL": "info", "STILLHOUSE_ADMIN_KEY": ADMIN_KEY}
DOCUMENT_SHARE = 0.08  # of all requests, for each document
GOOD_RATE = 20.0  # of the mix beside the shots
CALM_SECONDS = 10.0
HUNG_SECONDS = 20.0
BAD = (Fate.FAILED, Fate.WRONG, Fate.LOST, Fate.HUNG, Fate.UNREACHED)


@dataclass(frozen=True, slots=True)
class Plan:
    """How many requests, from how many processes, and with which documents besides."""

    requests: int
    processes: int
    at_once: int
    specs: tuple[Path, ...]
    seconds: int  # at most
    texts: int
    seed: int


def run(plan: Plan, place: Place, say: stage.Say) -> Fuzz:
    """Fuzzes a service of its own.

    Raises:
        ReliabilityError, ReferenceUnfit, PeersError, AgentFailed: it cannot be done.
    """
    conditions = describe(place, {"STILLHOUSE_LOG_LEVEL": "info"})
    core = place.cores[-1]
    launch = Launch(place.stillhouse, place.models, place.cores[0], SETTINGS)
    with (
        serving(launch) as service,
        tempfile.TemporaryDirectory(prefix="fuzz-") as folder,
        ExitStack() as stack,
    ):
        papers = stage.prepare(service, place.models, Path(folder), plan.texts)
        say("reference answers collected")
        beside = stage.company(service, papers, GOOD_RATE, plan.seconds + 600, core, HUNG_SECONDS)
        load, neighbour = stack.enter_context(beside)
        time.sleep(min(CALM_SECONDS, plan.seconds / 10))
        begun = time.monotonic()
        orders = _orders(plan, service.port, str(papers.mix))
        agents = {order: stack.enter_context(agent(order, core)) for order in orders}
        _await(list(agents.values()), service, plan, say)
        until = time.monotonic()
        found = {order: each.stop() for order, each in agents.items()}
        near, mixed = neighbour.stop(), load.stop()
        ill, errors = health(service), service.errors()
    good = _together([mixed, *found.values()])
    sources = _sources(found, plan)
    during, calm = near.tally(begun, until), near.tally(until=begun)
    return Fuzz(
        schema_version=SCHEMA_VERSION,
        conditions=ended(conditions, None, GOOD_RATE),
        sources=sources,
        good=good,
        calm=calm,
        neighbour=during,
        errors_logged=len(errors),
        missed=(*missed(plan.requests, sources, good, during), *ill, *_logged(errors)),
    )


def missed(
    requests: int, sources: Sequence[Source], good: Tally, neighbour: Tally
) -> tuple[str, ...]:
    """What was not as it must be."""
    found = []
    named = [(one.name, one.shots) for one in sources if one.shots is not None]
    for name, tally in (*named, ("good requests", good), ("neighbour", neighbour)):
        if not tally.requests:
            found.append(f"{name}: no request was counted")
        found += [f"{name}: {tally.of(fate)} {fate}" for fate in BAD if tally.of(fate)]
    sent = sum(tally.requests for _, tally in named)
    if sent < requests * 0.9:  # a document may allow fewer than its share
        found.append(f"{sent} requests in place of {requests}")
    return tuple(found)


def _orders(plan: Plan, port: int, questions: str) -> list[Shots]:
    documents = [SERVICE, *(str(path) for path in plan.specs if path.exists())]
    of_document = int(plan.requests * DOCUMENT_SHARE)
    rest = plan.requests - of_document * len(documents)
    shares = [(source, of_document) for source in documents]
    shares += [(MUTATED, -(-rest // plan.processes))] * plan.processes
    return [
        Shots(
            port=port,
            questions=questions,
            source=source,
            count=count,
            at_once=plan.at_once,
            seed=plan.seed + number,
            seconds=plan.seconds,
            timeout=HUNG_SECONDS,
        )
        for number, (source, count) in enumerate(shares)
    ]


def _await(agents: Sequence[Agent], service: Service, plan: Plan, say: stage.Say) -> None:
    give_up = time.monotonic() + plan.seconds + 300
    told = time.monotonic()
    while not all(each.done for each in agents) and time.monotonic() < give_up:
        if not service.alive:
            raise ServiceFailed(f"the service ended: {service.errors()[-3:]}")
        time.sleep(0.5)
        if time.monotonic() - told > 30:
            told = time.monotonic()
            sent = sum(each.recorder.tally(name=SHOT).requests for each in agents)
            say(f"{sent} of {plan.requests} sent")


def _sources(found: dict[Shots, Recorder], plan: Plan) -> tuple[Source, ...]:
    names = list(dict.fromkeys(order.source for order in found))
    sources = [
        Source(
            _name(name),
            _together([each for order, each in found.items() if order.source == name], SHOT),
            None,
        )
        for name in names
    ]
    absent = [path for path in plan.specs if not path.exists()]
    sources += [Source(path.name, None, f"{path.name} is not there") for path in absent]
    return tuple(sources)


def _name(source: str) -> str:
    if source == MUTATED:
        return "mutated requests"
    return "the service's own document" if source == SERVICE else Path(source).name


def _together(recorders: Sequence[Recorder], name: str = "question") -> Tally:
    whole = Recorder()
    for each in recorders:
        whole.merge(each)
    return whole.tally(name=name)


def _logged(errors: Sequence[str]) -> list[str]:
    return [f"{len(errors)} errors in the log, the first: {errors[0]}"] if errors else []
