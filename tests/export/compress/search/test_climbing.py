"""A budget that holds no look at all candidates: the one in the middle says where to go on."""

import dataclasses
from pathlib import Path

import pytest

from export.compress.candidates.trainee import Trainee
from export.compress.exporting import Staged
from export.compress.search.climbing import between, rounds
from export.compress.search.judging import Judge, Judged
from tests.export.compress.conftest import LENIENT, Compress
from tests.export.compress.test_compress import report_of

TRAINED = "trained whole and exported"
TOO_CHEAP = "a dearer one does not keep the promise"
NOT_NEEDED = "a cheaper one keeps the promise"
ALMOST = 0.11  # lost, of 0.1 that may be, with an error of 0.02


@pytest.mark.parametrize(
    ("count", "jobs", "places"),
    [
        (1, 1, [0]),
        (2, 1, [0]),
        (3, 1, [1]),
        (7, 1, [3]),
        (8, 1, [3]),
        (1, 2, [0]),
        (2, 2, [0, 1]),
        (7, 2, [1, 4]),
        (8, 3, [1, 3, 5]),
    ],
)
def test_who_is_trained_next(count: int, jobs: int, places: list[int]) -> None:
    """Those that leave as many below as above, and between them."""
    assert between(count, jobs) == places


@pytest.mark.parametrize(
    ("count", "jobs", "found"), [(0, 1, 0), (1, 1, 1), (3, 1, 2), (7, 1, 3), (8, 1, 4), (7, 2, 2)]
)
def test_how_often(count: int, jobs: int, found: int) -> None:
    """Of seven, three are trained one after the other."""
    assert rounds(count, jobs) == found


@pytest.mark.parametrize(
    ("jobs", "lost", "trained", "chosen"),
    [
        (1, [0.5, 0.5, 0.5, 0.0, 0.0], "cd", "d"),
        (2, [0.5, 0.5, 0.5, 0.0, 0.0], "bcd", "d"),
        (1, [0.5, 0.0, ALMOST, 0.0, 0.0], "bcd", "b"),
    ],
)
def test_the_cheapest_is_found_by_halves(
    given: Path,
    tmp_path: Path,
    compress: Compress,
    monkeypatch: pytest.MonkeyPatch,
    jobs: int,
    lost: list[float],
    trained: str,
    chosen: str,
) -> None:
    """Of five the cheapest that keeps the promise, and few are trained.

    One that fails leaves those out that cost less, but for the next where so many texts cannot tell
    it from keeping the promise. Two at a time, each training pauses in a process of its
    own, and goes on there. As all five are one recipe under five names, of two that train the same
    at once one waits for the other.
    """
    names = list("abcde")
    recipes = [tmp_path / f"{name}.toml" for name in names]
    text = (given / "student.toml").read_text()
    for name, recipe in zip(names, recipes, strict=True):
        recipe.write_text(text.replace('name = "tiny-student"', f'name = "{name}"'))
    judge = Judge.judge

    def judged(self: Judge, staged: Staged) -> Judged:
        found = judge(self, staged)
        if staged.name == "teacher":
            return found
        place = names.index(staged.name)
        return dataclasses.replace(
            found, loss=lost[place], error=0.02, keeps=not lost[place], cost=0.1 * (1 + place)
        )

    monkeypatch.setattr(Judge, "judge", judged)
    monkeypatch.setattr(Trainee, "schedule_seconds", 1e6)
    result = compress(
        *("--test", given / "test.tsv", *LENIENT, "--jobs", jobs),
        *("--candidates", ",".join(map(str, recipes))),
    )
    assert result.exit_code == 0, result.output
    report = report_of(tmp_path)
    told = {one.name: one.outcome for one in report.tried}
    assert report.measured.student is not None
    assert report.measured.student.name == chosen
    assert "".join(name for name, outcome in told.items() if outcome == TRAINED) == trained
    assert told["a"] == TOO_CHEAP
    assert told["e"] == NOT_NEEDED
