"""The tables and the picture say what the results say."""

import dataclasses
from pathlib import Path

import pytest

from benchmarks.growth.charts import draw
from benchmarks.growth.plan import BATCH, CLASSES, CORES, DIMENSIONS, MODELS, Point
from benchmarks.growth.report import to_markdown
from benchmarks.growth.results import Run, Visit
from tests.benchmarks.growth.builders import make_plan, make_run, make_use, make_visit


def usual(point: Point, round_: int) -> Visit:
    """As fast as it has cores, a tenth faster each round."""
    rate = 100.0 * point.workers * (1 + round_ / 10)
    return make_visit(point, round_, rate, make_use(memory=200.0 * point.value))


@pytest.fixture
def run() -> Run:
    """Two models, all dimensions, three rounds."""
    return make_run(make_plan(DIMENSIONS, ("student", "teacher"), rounds=3), usual)


def test_every_dimension_has_a_table(run: Run) -> None:
    """Medians and ranges; a batch's texts are counted, models' memory stated."""
    text = to_markdown(run)
    rates = "110 (100 to 120) | 5.0 | 10.0"
    assert f"| 77 | {rates} | {rates} |" in text
    assert "| 64 | 7,040 (6,400 to 7,680) | 5.0 | 10.0 |" in text
    assert f"| 8 | {rates} | 1,610 MB | {rates} | 1,610 MB |" in text
    figures = "220 (200 to 240) | 5.0 | 10.0 | 0.25 | 0.75 | 0.10 | 100% | 400 MB |"
    assert f"| teacher | 2 | 2 | 1 | {figures}" in text
    expected = "1,760 (1,600 to 1,920) | 7,040 (6,400 to 7,680) | 3.2 GB | 12.8 GB"
    assert f"| student | n processes | 110 | 220 | {expected} | 0.000 to 0.000 |" in text
    assert "extrapolation, not a measurement" in text
    assert "random weights: time does not depend on the weights' values" in text
    assert "on core 3 with 2 connections" in text
    assert "`python -m benchmarks growth run --model student,teacher --dimensions cores," in text
    for words in ("broken off", "not quiet", "shared one", "left out:"):
        assert words not in text


def test_what_makes_figures_worth_less_is_said(run: Run) -> None:
    """A run that was broken off, a busy machine, a shared core, a failure."""
    machine = dataclasses.replace(run.machine, client_core_busy=0.5)
    visits = (*run.visits[1:], dataclasses.replace(run.visits[0], failure="it ended\nby itself"))
    text = to_markdown(
        dataclasses.replace(run, machine=machine, finished_at=None, cpus=(0, 1), visits=visits)
    )
    for words in ("run was broken off", "50% of wrk's", "On 2 cores wrk shared one"):
        assert words in text
    assert "- student: cores 1, processes 1, threads 1, round 1: it ended\n" in f"{text}\n"
    assert "- student: cores" not in to_markdown(run)


def test_what_was_not_measured_is_left_open() -> None:
    """Failed points have dashes, one core alone no extrapolation."""

    def broken(point: Point, round_: int) -> Visit:
        return Visit(point, round_, None, None, "ended by itself")

    text = to_markdown(make_run(make_plan((CORES, MODELS)), broken, cpus=(0,)))
    assert "| nano | 1 | 1 | 1 | - | - | - | - | - | - | - | - |" in text
    assert "| 8 | - | - | - | - |" in text
    assert "It takes points of one core and of more" in text
    assert "All of it ran on one core, wrk too" in text


def test_a_picture_has_a_chart_a_dimension(run: Run, tmp_path: Path) -> None:
    """And one of memory; nothing half-written is left beside it."""
    few, all_ = tmp_path / "few.svg", tmp_path / "all.svg"
    draw(make_run(make_plan((BATCH, CLASSES)), usual), few)
    draw(run, all_)
    assert few.read_text(encoding="utf-8").startswith("<?xml")
    assert [path.read_text().count('id="axes_') for path in (few, all_)] == [2, 6]
    assert sorted(tmp_path.iterdir()) == [all_, few]
