"""A run: every way in every round, in another order each time, against one service that runs."""

import asyncio
import json
import os
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.session import order
from benchmarks.protocols.clients import Heard, over_grpc, over_http
from benchmarks.protocols.ways import GRPC, WAYS
from benchmarks.reliability.service.conditions import Place, describe
from benchmarks.reliability.service.process import Launch, Service, free_port, serving
from loadtest.traffic.texts import SENTENCES, read_texts

WARM_UP_SECONDS = 1.0
SEED = 17


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        model: that is asked.
        texts: how many there are in a request, one size after another.
        at_once: how many requests are in flight.
        rounds: how often each way has its turn.
        seconds: of a turn.
    """

    model: str
    texts: tuple[int, ...]
    at_once: int
    rounds: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    """A way, over all rounds.

    Attributes:
        requests: that were answered, in all.
        per_second: the median of the rounds' requests a second, and the least and the most.
        service_ms: the service's processor time a request, the median of the rounds.
        client_busy: the share of its core that the client used; near 1 it was what held things up.
        failures: why requests failed; none: none did.
    """

    way: str
    texts: int
    requests: int
    per_second: float
    least: float
    most: float
    p50_ms: float
    p99_ms: float
    service_ms: float
    client_busy: float
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Turn:
    heard: Heard
    seconds: float
    service_seconds: float
    client_seconds: float


def run(plan: Plan, place: Place, say: Callable[[str], None]) -> dict[str, Any]:
    """Measures every way; the conditions and the rows, as the file of results has them.

    Raises:
        ServiceFailed, PeersError: the service, its models or its environment cannot be had.
    """
    server, client = place.cores[0], place.cores[-1]
    conditions = describe(place, {})
    grpc_port = free_port()
    settings = {"STILLHOUSE_GRPC_PORT": str(grpc_port), "STILLHOUSE_ACCESS_LOG": "false"}
    os.sched_setaffinity(0, {client})
    turns: dict[tuple[str, int], list[_Turn]] = {}
    with serving(Launch(place.stillhouse, place.models, server, settings)) as service:
        for size in plan.texts:
            asked = {way: make(plan.model, size) for way, make in _requests().items()}
            for round_ in range(plan.rounds):
                for way in order(tuple(asked), round_, plan.rounds):
                    port = grpc_port if way == GRPC else service.port
                    turn = _turn(way, asked[way], port, plan, service)
                    turns.setdefault((way, size), []).append(turn)
                    say(
                        f"round {round_ + 1} of {plan.rounds}, {size} texts a request, {way}: "
                        f"{len(turn.heard.seconds) / turn.seconds:.0f} a second"
                    )
    rows = [_row(way, size, found) for (way, size), found in turns.items()]
    return {
        "schema_version": 1,
        "plan": asdict(plan),
        "conditions": {**asdict(conditions), "settings": settings},
        "rows": [asdict(row) for row in rows],
    }


def write(found: dict[str, Any], path: Path) -> None:
    """Writes the file of results."""
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _requests() -> dict[str, Callable[[str, int], list[bytes]]]:
    """Of each way, what makes its requests, of the same texts in the same order."""

    def maker(way: str) -> Callable[[str, int], list[bytes]]:
        def make(model: str, size: int) -> list[bytes]:
            sentences = read_texts(SENTENCES)
            chance = random.Random(SEED)  # noqa: S311  # no secret
            groups = [chance.sample(sentences, size) for _ in range(256)]
            return [WAYS[way](model, group) for group in groups]

        return make

    return {way: maker(way) for way in WAYS}


def _turn(way: str, requests: Sequence[bytes], port: int, plan: Plan, service: Service) -> _Turn:
    over = over_grpc if way == GRPC else over_http

    async def both() -> _Turn:
        await over(port, requests, plan.at_once, WARM_UP_SECONDS)
        before, mine, begun = service.cpu_seconds(), time.process_time(), time.perf_counter()
        heard = await over(port, requests, plan.at_once, plan.seconds)
        return _Turn(
            heard,
            time.perf_counter() - begun,
            service.cpu_seconds() - before,
            time.process_time() - mine,
        )

    return asyncio.run(both())


def _row(way: str, size: int, turns: Sequence[_Turn]) -> Row:
    rates = [len(turn.heard.seconds) / turn.seconds for turn in turns]
    took = sorted(1000 * second for turn in turns for second in turn.heard.seconds) or [0.0]
    spent = [1000 * turn.service_seconds / max(1, len(turn.heard.seconds)) for turn in turns]
    return Row(
        way=way,
        texts=size,
        requests=sum(len(turn.heard.seconds) for turn in turns),
        per_second=round(statistics.median(rates), 1),
        least=round(min(rates), 1),
        most=round(max(rates), 1),
        p50_ms=round(took[len(took) // 2], 3),
        p99_ms=round(took[int(len(took) * 0.99)], 3),
        service_ms=round(statistics.median(spent), 4),
        client_busy=round(max(turn.client_seconds / turn.seconds for turn in turns), 3),
        failures=tuple(sorted({each for turn in turns for each in turn.heard.failures})),
    )
