"""When the requests of an open loop are due."""

import random
from itertools import pairwise

import pytest

from loadtest.load import Arrivals, Open, Segment, steady, users_of
from loadtest.traffic.arrivals import intended_times

RAMP = Open((Segment(10, 0.0, 40.0), Segment(5, 40.0, 40.0), Segment(10, 40.0, 0.0)), "constant")


def times(schedule: Open, index: int = 0, count: int = 1, seed: int = 1) -> list[float]:
    """All of a process's times."""
    return list(intended_times(schedule, random.Random(seed), index, count))


def test_constant_arrivals_are_evenly_spaced() -> None:
    """Ten a second come every tenth of a second."""
    found = times(steady(10, 2, "constant"))
    assert found == pytest.approx([0.05 + n / 10 for n in range(20)])


def test_a_ramp_has_its_rate_at_every_moment() -> None:
    """As many are due by any second as the profile's area until then, to the nearest."""
    found = times(RAMP)
    assert len(found) == 600
    assert found == sorted(found)
    for second in range(1, 26):
        due = sum(at < second for at in found)
        assert due == pytest.approx(RAMP.requests_until(second), abs=1)


def test_poisson_arrivals_are_a_poisson_process() -> None:
    """Gaps are exponential: as long on average as they vary, and independent of the rate before."""
    found = times(steady(100, 100, "poisson"))
    gaps = [after - before for before, after in pairwise(found)]
    mean = sum(gaps) / len(gaps)
    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert len(found) == pytest.approx(10_000, rel=0.03)
    assert deviation == pytest.approx(mean, rel=0.05)


@pytest.mark.parametrize("arrivals", ["poisson", "constant"])
def test_a_spike_comes_when_it_is_to(arrivals: Arrivals) -> None:
    """Nothing is due while the rate is 0."""
    found = times(Open((Segment(5, 0, 0), Segment(1, 200, 200), Segment(5, 0, 0)), arrivals))
    assert len(found) == pytest.approx(200, rel=0.2)
    assert all(5 <= at <= 6 for at in found)


def test_processes_share_constant_arrivals() -> None:
    """Together they send what one alone would."""
    together = sorted(at for index in range(3) for at in times(RAMP, index, 3))
    assert together == pytest.approx(times(RAMP))


def test_processes_share_poisson_arrivals() -> None:
    """Each has its part of the rate, and no two the same times."""
    schedule = steady(300, 100, "poisson")
    parts = [times(schedule, index, 3, seed=index) for index in range(3)]
    assert all(len(part) == pytest.approx(10_000, rel=0.03) for part in parts)
    assert parts[0][:5] != parts[1][:5]


def test_users_are_shared_out() -> None:
    """Every one is somewhere, and the parts differ by one at most."""
    assert [users_of(8, index, 3) for index in range(3)] == [3, 3, 2]
    assert [users_of(1, index, 3) for index in range(3)] == [1, 0, 0]
