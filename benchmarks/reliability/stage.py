"""What every benchmark does: reference answers first, then a neighbour beside a mixed load."""

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.reliability.agents.crew import Agent, agent
from benchmarks.reliability.fate import Fate
from benchmarks.reliability.load.orders import QUESTIONS, TIMEOUT_SECONDS, Clients, Rate
from benchmarks.reliability.questions import material, reference
from benchmarks.reliability.service.process import Service

QUESTION_COUNT = 3000
NEIGHBOUR_RATE = 50.0  # a second
WARM_UP_SECONDS = 2.0
CAPACITY_CLIENTS = 32

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Papers:
    """The files of questions that agents read: the mix, and the neighbour's short texts."""

    mix: Path
    neighbour: Path


def prepare(service: Service, models: Path, folder: Path, texts: int) -> Papers:
    """Collects the reference answers one by one, and writes the questions down.

    Raises:
        ReferenceUnfit: the service does not answer as it should even without a load.
        PeersError: a model is not there.
    """
    asked = material.served(models)
    pool = material.make_texts(texts)
    every = [text for some in pool.values() for text in some]
    known = asyncio.run(reference.collect(service.port, asked, every))
    papers = Papers(folder / "mix.json", folder / "neighbour.json")
    mix = material.make_questions(known, asked, pool, QUESTION_COUNT)
    student = [one for one in asked if one.name == "student"]
    short = material.make_questions(known, student, pool, 200, {"short": 1.0})
    papers.mix.write_bytes(QUESTIONS.dump_json(mix))
    papers.neighbour.write_bytes(QUESTIONS.dump_json(short))
    return papers


@contextmanager
def company(
    service: Service,
    papers: Papers,
    rate: float,
    seconds: float,
    core: int,
    timeout: float = TIMEOUT_SECONDS,
) -> Iterator[tuple[Agent, Agent]]:
    """A mixed load at a rate and a neighbour, for so long at most."""
    most = math.ceil(seconds)
    load = Rate(service.port, str(papers.mix), rate, "poisson", 1, most, timeout)
    near = Rate(service.port, str(papers.neighbour), NEIGHBOUR_RATE, "constant", 2, most, timeout)
    with agent(load, core) as mixed, agent(near, core) as neighbour:
        mixed.await_first()
        neighbour.await_first()
        yield mixed, neighbour


def measure_capacity(service: Service, papers: Papers, seconds: int, core: int) -> float:
    """Answers a second of the mix, with clients that ask as fast as they are answered."""
    order = Clients(
        ports=(service.port,),
        questions=str(papers.mix),
        clients=CAPACITY_CLIENTS,
        pause=0.0,
        notices_after=(0.0, 0.0),
        seed=0,
        seconds=seconds + 2 * math.ceil(WARM_UP_SECONDS),
    )
    with agent(order, core) as found:
        found.await_first()
        time.sleep(WARM_UP_SECONDS)
        begun = time.monotonic()
        time.sleep(seconds)
        ended = time.monotonic()
        tally = found.stop().tally(begun, ended)
    return round(tally.of(Fate.OK) / (ended - begun), 1)
