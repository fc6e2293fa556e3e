"""The search for a capacity, on services whose capacity is known."""

import math

import pytest

from loadtest.results import Capacity, Step
from loadtest.run.capacity import find_capacity, step_seconds
from tests.loadtest.builders import make_run


def search(
    planted: float,
    *,
    first: float = 10.0,
    highest: float = 1e5,
    precision: float = 0.05,
    cpu_at: float = math.inf,
) -> Capacity:
    """Searches a service that keeps the objective up to the planted rate.

    From the rate `cpu_at` on the load generator is busy.
    """

    def measure(rate: float) -> Step:
        run = make_run(f"student at {rate:g}/s", cpu=1.0 if rate >= cpu_at else 0.1)
        return Step(rate, run, ("p99",) if rate > planted else ())

    return find_capacity(measure, first, highest, precision, model="student", objective="p99=50ms")


@pytest.mark.parametrize("planted", [0.5, 3.0, 10.0, 47.0, 333.0, 1280.0, 54_321.0])
@pytest.mark.parametrize("first", [1.0, 10.0, 2000.0])
def test_a_planted_capacity_is_found(planted: float, first: float) -> None:
    """Never above it, never more than the precision below, wherever the search begins."""
    found = search(planted, first=first)
    assert found.rate <= planted
    assert found.rate >= planted / 1.051 * 0.995  # rates have three digits
    assert found.ended_by == "objective"
    assert found.best is not None
    assert found.best.broken == ()


def test_few_steps_are_taken() -> None:
    """Doubling and halving: no rate is measured twice."""
    rates = [step.rate for step in search(333.0).steps]
    assert rates[:6] == [10, 20, 40, 80, 160, 320]
    assert len(rates) == len(set(rates)) <= 12


def test_a_coarse_search_ends_early() -> None:
    """A precision of a doubling needs no halving."""
    assert [step.rate for step in search(333.0, precision=1.0).steps][-2:] == [320, 640]


def test_a_service_without_capacity() -> None:
    """No rate keeps the objective: the search goes down, and ends."""
    found = search(0.0)
    assert (found.rate, found.best) == (0.0, None)
    assert len(found.steps) < 10


def test_the_highest_rate_ends_the_search() -> None:
    """And the result says that it is a lower bound."""
    found = search(1e9, highest=500)
    assert (found.rate, found.ended_by) == (500, "highest")
    assert max(step.rate for step in found.steps) == 500


@pytest.mark.parametrize("highest", [1236, 101.4])
def test_the_highest_rate_is_not_rounded_up(highest: float) -> None:
    """It is tried itself, and nothing beyond it."""
    found = search(1e9, highest=highest)
    assert (found.rate, found.ended_by) == (highest, "highest")
    assert max(step.rate for step in found.steps) == highest


def test_a_busy_generator_is_not_the_services_end() -> None:
    """When the lowest rate that broke the objective was measured by a generator at its own end."""
    assert search(333.0, cpu_at=330).ended_by == "generator"
    assert search(333.0, cpu_at=600).ended_by == "objective"


@pytest.mark.parametrize(
    ("rate", "expected"), [(10, 60), (50, 20), (100, 10), (1000, 5), (0.1, 60)]
)
def test_a_step_is_long_enough_for_its_samples(rate: float, expected: int) -> None:
    """A thousand requests, five seconds at least and a minute at most."""
    assert step_seconds(rate, least=5, samples=1000) == expected
