"""The update: one pod after another gets its successor, in the order of a cluster, under load."""

import asyncio
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.reliability.agents.crew import Agent, agent
from benchmarks.reliability.fate import Fate
from benchmarks.reliability.load.orders import QUESTIONS, Rate
from benchmarks.reliability.questions import material, reference
from benchmarks.reliability.results import Tally
from benchmarks.reliability.rolling.nginx import Nginx, before
from benchmarks.reliability.rolling.values import Deployed
from benchmarks.reliability.service.conditions import Place
from benchmarks.reliability.service.process import Launch, Service, serving
from loadtest.traffic.texts import SENTENCES, read_texts

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """An update.

    Attributes:
        deployed: how many pods, and how they stop.
        endpoint_seconds: after SIGTERM, until nginx has heard that the pod is to get no more.
        rate: requests a second.
        calm_seconds: under load before the update, and after it.
        model: that is asked.
        texts: how many there are.
    """

    deployed: Deployed
    endpoint_seconds: float
    rate: float
    calm_seconds: float
    model: str
    texts: int


@dataclass(frozen=True, slots=True)
class Pod:
    """What became of a pod.

    Attributes:
        answered: requests, by nginx's log.
        stopped_after: seconds from SIGTERM to its end; None: it was told nothing.
        exit_status: None: it still ran, or had to be killed.
    """

    name: str
    answered: int
    stopped_after: float | None
    exit_status: int | None


@dataclass(frozen=True, slots=True)
class Rollout:
    """What became of the requests, and of the pods.

    Attributes:
        kept_alive: connections from nginx to the pods that were open before the update.
        nginx_errors: lines of its log.
        missed: what was not as it should be; none: nothing was lost.
    """

    seconds: float
    tally: Tally
    pods: tuple[Pod, ...]
    kept_alive: int
    nginx_errors: tuple[str, ...]
    missed: tuple[str, ...]


@dataclass(slots=True)
class _Running:
    name: str
    service: Service
    told: float | None = None


def roll(plan: Plan, place: Place, say: Say) -> Rollout:
    """Updates all pods under load.

    Raises:
        NoSuchTool: nginx is not installed.
        ServiceFailed, ReferenceUnfit: the service does not start, or does not answer as it should.
    """
    deployed = plan.deployed
    settings = {
        "STILLHOUSE_NOTICE_SECONDS": str(deployed.notice),
        "STILLHOUSE_DRAIN_SECONDS": str(deployed.drain),
    }
    launch = Launch(place.stillhouse, place.models, place.cores[0], settings)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rolling-")))

        def start(name: str) -> _Running:
            say(f"{name} starts")
            return _Running(name, stack.enter_context(serving(launch)))

        old = [start(f"old {number + 1}") for number in range(deployed.replicas)]
        questions = _questions(old[0].service, plan, folder)
        nginx = stack.enter_context(before([one.service.port for one in old]))
        most = 3600  # it is told when it is enough
        order = Rate(nginx.port, str(questions), plan.rate, "constant", 1, most)
        load = stack.enter_context(agent(order, place.cores[-1]))
        load.await_first()
        begun = time.monotonic()
        time.sleep(plan.calm_seconds)
        kept_alive = _open_connections([one.service.port for one in old])
        new = _update(plan, old, start, nginx, say)
        time.sleep(plan.calm_seconds)
        return _found(plan, [*old, *new], load, nginx, kept_alive, begun)


def _update(
    plan: Plan, old: Sequence[_Running], start: Callable[[str], _Running], nginx: Nginx, say: Say
) -> list[_Running]:
    """Each pod gets its successor: `maxSurge: 1`, `maxUnavailable: 0`, no `preStop`.

    A pod that is told to stop does not count any more, so that the next successor starts while it
    gives notice.
    """
    new = []
    for number, one in enumerate(old):
        successor = start(f"new {number + 1}")
        time.sleep(plan.deployed.probe)  # the longest until a probe has seen that it is ready
        nginx.add(successor.service.port)
        new.append(successor)
        say(f"{successor.name} is ready; {one.name} is told to stop")
        one.told = time.monotonic()
        one.service.tell(signal.SIGTERM)
        nginx.remove_after(one.service.port, plan.endpoint_seconds)
    return new


def _found(
    plan: Plan,
    pods: Sequence[_Running],
    load: Agent,
    nginx: Nginx,
    kept_alive: int,
    begun: float,
) -> Rollout:
    ends = {one.name: _end(one, plan.deployed.grace) for one in pods if one.told is not None}
    tally = load.stop().tally()
    took = time.monotonic() - begun
    answered = nginx.answered()
    told = tuple(
        Pod(one.name, answered[one.service.port], *ends.get(one.name, (None, None))) for one in pods
    )
    lost = tally.requests - tally.of(Fate.OK)
    missed = [f"{lost} of {tally.requests} requests: {tally.details}"] if lost else []
    missed += [
        f"{pod.name} ended with {pod.exit_status}" for pod in told
        if pod.stopped_after is not None and pod.exit_status != 0
    ]  # fmt: skip
    missed += [f"{pod.name} answered nothing" for pod in told if pod.answered == 0]
    errors = tuple(nginx.log().splitlines()[:20])
    return Rollout(round(took, 1), tally, told, kept_alive, errors, tuple(missed))


def _end(one: _Running, grace: float) -> tuple[float | None, int | None]:
    """Seconds from SIGTERM to the end, and the exit status; None: it would have been killed."""
    assert one.told is not None
    status = one.service.wait(max(0.0, one.told + grace - time.monotonic()))
    return (round(time.monotonic() - one.told, 1), status)


def _questions(service: Service, plan: Plan, folder: Path) -> Path:
    """The file of questions, whose answers the service gave before, one by one."""
    texts = read_texts(SENTENCES)[: plan.texts]
    asked = [reference.Served(plan.model, exact=False)]
    known = asyncio.run(reference.collect(service.port, asked, texts))
    made = material.make_questions(known, asked, {"short": texts}, 10 * plan.texts, {"short": 1.0})
    path = folder / "questions.json"
    path.write_bytes(QUESTIONS.dump_json(made))
    return path


def _open_connections(ports: Sequence[int]) -> int:
    """How many connections to these ports are open, as their clients see it."""
    return sum(
        1
        for one in psutil.net_connections("tcp")
        if one.status == "ESTABLISHED" and one.raddr and one.raddr.port in ports
    )
