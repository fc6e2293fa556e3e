"""The points of a run."""

from benchmarks.growth.plan import BATCH, CORES, DIMENSIONS, VALUES, Point, points
from tests.benchmarks.growth.builders import make_plan


def test_cores_are_tried_as_processes_threads_and_one_thread() -> None:
    """On one core they are the same, and measured once."""
    assert [(p.cores, p.workers, p.threads) for p in points(make_plan())] == [
        (1, 1, 1),
        (2, 2, 1),
        (2, 1, 2),
        (2, 1, 1),
    ]


def test_every_dimension_has_its_values() -> None:
    """On one core; no two points have one name."""
    found = points(make_plan(DIMENSIONS, ("a", "b")))
    assert len({point.name for point in found}) == len(found)
    for dimension, values in VALUES.items():
        here = [point for point in found if (point.model, point.dimension) == ("b", dimension)]
        assert tuple(point.value for point in here) == values
        assert {(point.cores, point.workers, point.threads) for point in here} == {(1, 1, 1)}


def test_only_the_batch_has_more_texts_a_request() -> None:
    """So a request is a text anywhere else."""
    assert Point("a", BATCH, 64, 1, 1, 1).texts_a_request == 64
    assert Point("a", CORES, 64, 64, 64, 1).texts_a_request == 1
