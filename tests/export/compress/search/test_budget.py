"""A budget that is less than the candidates' schedules."""

from pathlib import Path

import pytest

from export.compress.search.clock import Clock
from tests.export.compress.conftest import LENIENT, Compress
from tests.export.compress.test_compress import report_of

SHORTENED = "its schedule was shortened to what the budget left"


class OneSecond:
    """A clock on which there is always a second left."""

    left = 1.0

    def __init__(self, seconds: float) -> None:
        """Takes any budget."""

    def part(self, share: float) -> "OneSecond":
        """Other settings have half, so that a refusal finds something left."""
        assert share == 0.5
        return self


def test_a_part_of_what_is_left() -> None:
    """And no more than that, whatever else runs on."""
    clock = Clock(100)
    assert 49 < clock.part(0.5).left <= 50
    assert clock.left > 99
    assert Clock(0).part(0.5).left == 0


def test_who_is_left_comes_to_an_end(
    given: Path, tmp_path: Path, compress: Compress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its part of the time, and is exported as it is then; another budget goes on."""
    monkeypatch.setattr("export.compress.search.search.Clock", OneSecond)
    monkeypatch.setattr("export.compress.search.search.variants", lambda *_: [])
    second = tmp_path / "second.toml"
    text = (given / "student.toml").read_text()
    second.write_text(text.replace('name = "tiny-student"', 'name = "second"'))
    arguments = (
        *("--test", given / "test.tsv", *LENIENT, "--max-accuracy-loss", "0.0001"),
        *("--candidates", f"{given / 'student.toml'},{second}"),
        *("--set", "training.epochs=600"),
    )
    result = compress(*arguments)
    assert result.exit_code in (0, 1), result.output
    tried = {one.name: one.outcome for one in report_of(tmp_path).tried}
    assert set(tried) == {"tiny-student", "second"}
    assert tried["tiny-student"] == SHORTENED
    result = compress(*arguments)
    assert result.exit_code in (0, 1), result.output
    assert "train tiny-student: nothing that it reads has changed" not in result.output
