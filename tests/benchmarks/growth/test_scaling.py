"""The arithmetic of the extrapolation, against numbers worked out by hand."""

import pytest

from benchmarks.growth.scaling import Curve, fit


def test_one_more_point_gives_the_contention() -> None:
    """180 of 2 cores at 100 each: 2 * 100 / 180 = 1 + s, so s = 1/9."""
    curve = fit([(1, 100.0), (2, 180.0)])
    assert curve is not None
    assert curve.contention == pytest.approx(1 / 9)
    assert curve.at(2) == pytest.approx(180)
    assert curve.at(16) == pytest.approx(1600 / (1 + 15 / 9))  # 600
    assert curve.asymptote == pytest.approx(900)
    assert curve.half_cores == pytest.approx(10)
    assert curve.at(10) == pytest.approx(10 * 100 / 2)


def test_more_points_are_fitted_by_least_squares() -> None:
    """Lost: 0.25 on 1 core more, 0.6 on 3 more; s = (0.25 + 3 * 0.6) / (1 + 9) = 0.205."""
    curve = fit([(1, 100.0), (2, 160.0), (4, 250.0)])
    assert curve is not None
    assert curve.contention == pytest.approx(0.205)


def test_part_of_a_core_counts_as_such() -> None:
    """What wrk took of the second core is not held against the service."""
    curve = fit([(1, 100.0), (1.8, 180.0)])
    assert curve is not None
    assert curve.contention == pytest.approx(0)
    assert curve.at(64) == pytest.approx(6400)


def test_more_than_linear_is_chance() -> None:
    """It is not taken further."""
    curve = fit([(1, 100.0), (2, 210.0)])
    assert curve == Curve(100.0, 0.0)
    assert (curve.asymptote, curve.half_cores, curve.ceiling_cores) == (None, None, None)


def test_the_ceiling_is_reached_before_contention_ends_it() -> None:
    """No contention, 400 at most: 4 cores. With s = 1/9: n = 400 * (8/9) / (100 - 400/9) = 6.4."""
    assert Curve(100, 0, 400).ceiling_cores == 4
    curve = Curve(100, 1 / 9, 400)
    assert curve.ceiling_cores == pytest.approx(6.4)
    assert curve.at(6.4) == pytest.approx(400)
    assert curve.at(64) == 400


def test_a_ceiling_above_the_asymptote_is_never_reached() -> None:
    """Contention ends it first."""
    curve = Curve(100, 0.5, 300)
    assert curve.ceiling_cores is None
    assert curve.at(1000) < 200


@pytest.mark.parametrize("measured", [[], [(1, 100.0)], [(2, 100.0)], [(0.8, 70.0), (2, 100.0)]])
def test_too_few_points_give_no_curve(measured: list[tuple[float, float]]) -> None:
    """Just one core, and more, are needed."""
    assert fit(measured) is None
