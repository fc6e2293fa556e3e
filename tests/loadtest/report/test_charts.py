"""Where things stand in a chart."""

import pytest

from loadtest.report.charts import HEIGHT, WIDTH, Series, chart, stacked


def test_lines_are_on_one_scale() -> None:
    """The largest value is at the top, zero at the bottom, and ticks are round."""
    found = chart(
        "t", "s", [Series("a", "p50", [(1, 5), (2, 10)]), Series("b", "p99", [(1, 20), (2, 0)])]
    )
    assert found is not None
    assert [dot.y for dot in found.lines[0].dots] == [HEIGHT * 3 / 4, HEIGHT / 2]
    assert [dot.y for dot in found.lines[1].dots] == [0.0, HEIGHT]
    assert [tick.label for tick in found.y_ticks] == ["0", "5", "10", "15", "20"]
    assert found.lines[0].dots[1].title == "a: 10 at 2 s"


def test_values_far_apart_are_on_a_logarithmic_scale() -> None:
    """Equal factors have equal lengths."""
    found = chart("t", "s", [Series("a", "p50", [(1, 1), (2, 10), (3, 100)])])
    assert found is not None
    low, middle, high = (dot.y for dot in found.lines[0].dots)
    assert low - middle == pytest.approx(middle - high, abs=0.2)
    assert {"1", "10", "100"} <= {tick.label for tick in found.y_ticks}


def test_marks_have_a_place() -> None:
    """A limit above all values is in the chart, too."""
    found = chart(
        "t", "s", [Series("a", "p50", [(0, 1), (10, 2)])], x_marks=[(5, "x")], y_marks=[(4, "y")]
    )
    assert found is not None
    assert (found.x_marks[0].at, found.y_marks[0].at) == (WIDTH / 2, 0.0)


def test_one_point_makes_no_line() -> None:
    """And without a line there is no chart."""
    assert chart("t", "s", [Series("a", "p50", [(1, 1)])]) is None


def test_equal_values_make_a_chart() -> None:
    """Nothing is divided by a range of zero."""
    for value in (0.0, 7.0):
        assert chart("t", "s", [Series("a", "p50", [(3, value), (3, value)])]) is not None


def test_parts_stand_side_by_side() -> None:
    """Each begins where the one before ends."""
    first, second = stacked([("queue", 1.0, "1"), ("inference", 3.0, "3")], whole=8.0)
    assert (first.x, first.width) == (0.0, WIDTH / 8)
    assert (second.x, second.width) == (WIDTH / 8, WIDTH * 3 / 8)
