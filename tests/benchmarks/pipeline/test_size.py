"""The size benchmark on few rows: a real training command, watched."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.pipeline.material import write_rows

STILLHOUSE = Path(sys.executable).with_name("stillhouse")


def test_figures_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Time and memory of a run are written, and nothing is left beside them."""
    monkeypatch.chdir(tmp_path)
    command = ["pipeline-size", "--stillhouse", str(STILLHOUSE), "--rows", "1000"]
    done = CliRunner().invoke(main, [*command, "--output", "size.json"])
    assert done.exit_code == 0, done.output
    (found,) = json.loads((tmp_path / "size.json").read_text())["runs"]
    assert (found["command"], found["rows"]) == ("train", 1000)
    assert 0 < found["seconds_to_training"] <= found["seconds"]
    assert 0 < found["peak_private_mb"] <= found["peak_rss_mb"]
    assert [path.name for path in tmp_path.iterdir()] == ["size.json"]


def test_rows_are_different_and_of_both_labels(tmp_path: Path) -> None:
    """Else they would be dropped as copies."""
    write_rows(tmp_path / "rows.tsv", 500)
    lines = (tmp_path / "rows.tsv").read_text().splitlines()
    assert len({line.split("\t")[0] for line in lines}) == 501
    assert [line.endswith("positive") for line in lines].count(True) == 250
