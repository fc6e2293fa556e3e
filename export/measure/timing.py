"""How long models take: one text alone, and texts in batches. Knows no model and no task.

Models are timed in turns, a few texts each, so that whatever else the machine does hits all alike,
and yet a model's weights are in the caches from one text to the next, as they are where it serves.
"""

import platform
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from service.runtime.model import Input

WARM_UP = 20
RUNS = 300
SIZES = (1, 2, 4, 8, 16, 32, 64)  # of batches, to find the fastest among
TURN = 10  # texts that a model answers before the next one has them
SLOWER = 1.2  # times as long a text as the fastest size so far: larger ones are not tried

Clock = Callable[[], float]  # seconds
Run = Callable[[Sequence[Input]], Collection[Any]]


@dataclass(frozen=True)
class Latency:
    """Milliseconds for one text alone, tokenising included.

    Attributes:
        runs: how many were timed.
    """

    runs: int
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Throughput:
    """Texts in batches, tokenising included.

    Attributes:
        answers: of each text, in the order in which they were given.
    """

    seconds: float
    answers: Sequence[Any]

    @property
    def texts_per_second(self) -> float:
        """On average over all."""
        return len(self.answers) / self.seconds


def latencies(
    models: Sequence[Run],
    texts: Sequence[Input],
    *,
    runs: int = RUNS,
    warm_up: int = WARM_UP,
    clock: Clock = time.perf_counter,
) -> list[Latency]:
    """Times each text alone, `TURN` of them by one model, then the same by the next.

    Whose turn is first changes with every few. Texts begin anew where there are fewer than runs.

    Args:
        runs: timed texts.
        warm_up: texts before those, which are not timed.
    """
    some = [texts[place % len(texts)] for place in range(warm_up + runs)]
    taken = np.zeros((len(models), len(some)))
    for turn, places in enumerate(_parts(range(len(some)), TURN)):
        for model in _rotated(len(models), turn):
            for place in places:
                started = clock()
                models[model]([some[place]])
                taken[model, place] = clock() - started
    return [_latency(row[warm_up:] * 1000) for row in taken]


def throughputs(
    models: Sequence[Run],
    texts: Sequence[Input],
    sizes: Sequence[int],
    clock: Clock = time.perf_counter,
) -> list[Throughput]:
    """Times texts in batches of like length, a few batches of each model in turn.

    Args:
        sizes: of each model's batches.
    """
    order = by_length(texts)
    seconds = [0.0] * len(models)
    answers: list[list[Any]] = [[None] * len(texts) for _ in models]
    chunk = max(sizes)
    for turn, start in enumerate(range(0, len(order), chunk)):
        for place in _rotated(len(models), turn):
            for rows in _parts(order[start : start + chunk], sizes[place]):
                batch = [texts[row] for row in rows]
                started = clock()
                found = models[place](batch)
                seconds[place] += clock() - started
                for row, answer in zip(rows, found, strict=True):
                    answers[place][row] = answer
    return list(map(Throughput, seconds, answers))


def fastest_size(model: Run, texts: Sequence[Input], clock: Clock = time.perf_counter) -> int:
    """The size of batches in which a model reads these texts soonest."""
    order = by_length(texts)
    best, least = 1, float("inf")
    for size in SIZES:
        batches = [[texts[row] for row in rows] for rows in _parts(order, size)]
        model(batches[-1])  # memory for the largest
        started = clock()
        for batch in batches:
            model(batch)
        taken = clock() - started
        if taken < least:
            best, least = size, taken
        elif taken > SLOWER * least:
            break
        if size >= len(texts):
            break
    return best


def by_length(texts: Sequence[Input]) -> list[int]:
    """The places of texts, those of fewest characters first."""
    lengths = [len(text) for text in texts]
    return sorted(range(len(texts)), key=lengths.__getitem__)


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _latency(taken: Any) -> Latency:
    p50, p95, p99 = map(float, np.percentile(taken, [50, 95, 99]))
    return Latency(len(taken), float(np.mean(taken)), p50, p95, p99)


def _rotated(n: int, turn: int) -> Iterator[int]:
    return ((turn + place) % n for place in range(n))


def _parts(rows: Sequence[int], size: int) -> list[Sequence[int]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
