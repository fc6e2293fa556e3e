"""The tables and the plot say what the results say."""

import dataclasses
from pathlib import Path

import pytest

from benchmarks.peers.catalogue import FLOOR, SERVICE
from benchmarks.peers.figures.ratios import ratios
from benchmarks.peers.figures.report import draw, to_markdown
from benchmarks.peers.figures.results import (
    SCHEMA_VERSION,
    Comparison,
    Results,
    ResultsUnfit,
    Served,
    Tried,
    Tuning,
    read_results,
    read_tunings,
    write_results,
    write_tunings,
)
from tests.benchmarks.peers.builders import (
    make_bare,
    make_comparison,
    make_contender,
    make_load,
    make_visit,
)


@pytest.fixture
def comparison() -> Comparison:
    """One round: the service, a peer, one that failed, the floor."""
    found = make_comparison(
        (
            make_contender("stillhouse", SERVICE),
            make_contender("peer"),
            make_contender("broken"),
            make_contender("echo", FLOOR),
        ),
        (
            make_visit("stillhouse", 0, make_load(1, 700), make_load(32, 1400, p99=31)),
            make_visit("peer", 0, make_load(1, 350), make_load(32, 700, p99=62)),
            make_visit("broken", 0, failure="broken ended before it answered; its last words:\noh"),
            make_visit("echo", 0, make_load(1, 5000), make_load(32, 8000, p99=4)),
        ),
        (make_bare(0, 2000),),
    )
    return dataclasses.replace(found, ratios=ratios(found))


def of(*comparisons: Comparison) -> Results:
    """A file's content."""
    return Results(SCHEMA_VERSION, comparisons)


def test_tables_have_figures_ratios_and_settings(comparison: Comparison) -> None:
    """Who, how fast, how much faster, and how it was set."""
    text = to_markdown(of(comparison))
    assert "## `student` (version 1, int8)" in text
    assert "| stillhouse 1.0 | 700.0 | 1,400.0 | 5.00 | 10.0 | 31.0 | 100 MB | 2.0 s |" in text
    assert "| broken 1.0 | - | - | - | - | - | - MB | - s |" in text
    assert "2,000.0 texts/s in batches of 8" in text
    over = "req/s at 32: stillhouse over the best peer (peer)"
    assert f"| {over} | 2.00x | 2.00x | 2.00x |" in text
    assert "| p50 at 1: stillhouse beyond bare tokenise and run | 3.50 ms |" in text
    assert "`B=8` (the fastest of those tried)" in text
    assert "- broken: broken ended before it answered; its last words:" in text
    assert "broken off" not in text
    assert "not quiet" not in text


def test_what_makes_figures_worthless_is_said(comparison: Comparison) -> None:
    """A run that was broken off, a busy machine, a shared core."""
    machine = dataclasses.replace(comparison.machine, server_core_busy=0.5, client_core=0)
    text = to_markdown(of(dataclasses.replace(comparison, machine=machine, finished_at=None)))
    for words in ("This run was broken off", "others used 50%", "shared a core"):
        assert words in text


def test_a_plot_has_a_row_a_model(comparison: Comparison, tmp_path: Path) -> None:
    """And nothing half-written is left beside it."""
    other = dataclasses.replace(comparison, model=Served("teacher", 1, "fp32", "1" * 64))
    one, two = tmp_path / "one.svg", tmp_path / "two.svg"
    draw(of(comparison), one)
    draw(of(comparison, other), two)
    assert one.read_text(encoding="utf-8").startswith("<?xml")
    assert two.stat().st_size > 1.5 * one.stat().st_size
    assert sorted(tmp_path.iterdir()) == [one, two]


def test_results_are_read_as_written(comparison: Comparison, tmp_path: Path) -> None:
    """One comparison a model: a new one takes the place of the old."""
    path = tmp_path / "docs" / "peers.json"
    assert read_results(path) == of()
    first = read_results(path).with_comparison(comparison)
    write_results(first, path)
    assert read_results(path) == first == of(comparison)
    later = dataclasses.replace(comparison, rounds=5)
    other = dataclasses.replace(comparison, model=Served("teacher", 1, "fp32", "1" * 64))
    assert first.with_comparison(other).with_comparison(later) == of(other, later)
    assert first.of("student") == comparison
    assert first.of("teacher") is None
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("content", ["", "{}", '{"schema_version": 2, "comparisons": []}'])
def test_other_files_are_refused(content: str, tmp_path: Path) -> None:
    """And named."""
    path = tmp_path / "peers.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ResultsUnfit, match=r"peers\.json"):
        read_results(path)


def test_the_fastest_settings_without_a_failure_are_taken(tmp_path: Path) -> None:
    """Refusing fast is not being fast."""
    tuning = Tuning(
        Served("student", 1, "int8", "0" * 64),
        "2026-01-02T03:04:05+00:00",
        (
            Tried("peer", {"B": "1"}, make_load(32, 100), None),
            Tried("peer", {"B": "8"}, make_load(32, 300), None),
            Tried("peer", {"B": "32"}, make_load(32, 900, refused=800), "800 refused"),
            Tried("peer", {"B": "64"}, None, "did not start"),
            Tried("other", {"B": "2"}, None, "did not start"),
        ),
    )
    assert tuning.best("peer") == {"B": "8"}
    assert tuning.best("other") is None
    path = tmp_path / "tuning.json"
    assert read_tunings(path) == ()
    write_tunings((tuning,), path)
    assert read_tunings(path) == (tuning,)
    path.write_text("[1]")
    with pytest.raises(ResultsUnfit):
        read_tunings(path)
