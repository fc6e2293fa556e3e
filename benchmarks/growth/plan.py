"""What is measured: the points, and how long and how often each is. Starts nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

CORES, LENGTHS, BATCH, CLASSES, MODELS = "cores", "lengths", "batch", "classes", "models"
# What each dimension but `cores` tries: tokens a text, texts a request, labels, loaded copies.
VALUES = {
    LENGTHS: (16, 32, 64, 128, 256, 512),
    BATCH: (1, 2, 4, 8, 16, 32, 64),
    CLASSES: (2, 77, 150),
    MODELS: (1, 2, 4, 8),
}
DIMENSIONS = (CORES, *VALUES)


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: of what, how long, how often.

    `seconds` is the least that a load lasts, as `warm_up_seconds` is of what comes before it;
    where answers are slow, both last until every connection had some.
    """

    models: tuple[str, ...]
    dimensions: tuple[str, ...]
    cores: tuple[int, ...]
    connections: int
    seconds: int
    warm_up_seconds: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Point:
    """One thing to measure: a model, a dimension's value, and how the service runs."""

    model: str
    dimension: str
    value: int  # of the dimension
    cores: int
    workers: int  # processes
    threads: int  # intra-op, of each model in each process

    @property
    def name(self) -> str:
        """Unique in a run, for readers."""
        said = f"{self.model}: {self.dimension} {self.value}"
        if self.dimension == CORES:
            said += f", processes {self.workers}, threads {self.threads}"
        return said

    @property
    def texts_a_request(self) -> int:
        """One, but where the batch is what grows."""
        return self.value if self.dimension == BATCH else 1


def points(plan: Plan) -> list[Point]:
    """All points of a run, in order, each once."""
    return [
        point
        for model in plan.models
        for dimension in plan.dimensions
        for point in _of(model, dimension, plan.cores)
    ]


def _of(model: str, dimension: str, cores: tuple[int, ...]) -> Iterator[Point]:
    if dimension != CORES:
        yield from (Point(model, dimension, value, 1, 1, 1) for value in VALUES[dimension])
        return
    for n in cores:
        # Processes, threads, and one of each; on one core they are the same.
        for workers, threads in dict.fromkeys(((n, 1), (1, n), (1, 1))):
            yield Point(model, CORES, n, n, workers, threads)
