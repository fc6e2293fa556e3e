"""A budget that holds no look at all candidates: the one in the middle says where to go on."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Climbed:
    """What became of five candidates, `a` to `e`."""

    told: dict[str, str]
    chosen: str

    @property
    def trained(self) -> str:
        """Whole."""
        return "".join(name for name, outcome in self.told.items() if outcome == TRAINED)


def climbed(
    given: Path,
    tmp_path: Path,
    compress: Compress,
    monkeypatch: pytest.MonkeyPatch,
    lost: Callable[[int, str, bool], float],
    jobs: int = 1,
) -> Climbed:
    """Searches where the budget holds no look at all.

    Args:
        lost: by a candidate of this place, in this precision, by the texts that are measured on or
            by those that choose.
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
        loss = lost(place, staged.precision, "measured on" in self._use)
        cost = 0.1 * (1 + place) * (1 if staged.precision == "int8" else 2)
        return dataclasses.replace(found, loss=loss, error=0.02, keeps=not loss, cost=cost)

    monkeypatch.setattr(Judge, "judge", judged)
    monkeypatch.setattr(Trainee, "schedule_seconds", 1e6)
    monkeypatch.setattr("export.compress.search.search.variants", lambda *_: [])
    result = compress(
        *("--test", given / "test.tsv", *LENIENT, "--jobs", jobs),
        *("--candidates", ",".join(map(str, recipes))),
    )
    assert result.exit_code == 0, result.output
    report = report_of(tmp_path)
    assert report.measured.student is not None
    told = {one.name: one.outcome for one in report.tried}
    return Climbed(told, report.measured.student.title)


@pytest.mark.parametrize(
    ("jobs", "lost", "trained", "chosen"),
    [
        (1, [0.5, 0.5, 0.5, 0.0, 0.0], "cd", "d"),
        (2, [0.5, 0.5, 0.5, 0.0, 0.0], "bcd", "d"),
        (1, [0.5, 0.0, ALMOST, 0.0, 0.0], "abcd", "b"),
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
    found = climbed(given, tmp_path, compress, monkeypatch, lambda place, *_: lost[place], jobs)
    told = found.told
    assert found.chosen == f"{chosen} INT8"
    assert found.trained == trained
    assert told["a"] == (TRAINED if "a" in trained else TOO_CHEAP)
    assert told["e"] == NOT_NEEDED


def test_one_that_keeps_it_in_fp32_leaves_the_cheaper_ones_in(
    given: Path, tmp_path: Path, compress: Compress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its INT8 file fails, which says nothing of models that cost less."""

    def lost(place: int, precision: str, _: bool) -> float:
        return 0.5 if (place, precision) == (2, "int8") or place == 0 else 0.0

    found = climbed(given, tmp_path, compress, monkeypatch, lost)
    assert TOO_CHEAP not in found.told.values()
    assert found.chosen == "b INT8"


def test_cheaper_ones_are_tried_where_the_test_keeps_one_in_doubt(
    given: Path, tmp_path: Path, compress: Compress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was left since a dearer one failed is trained where that keeps the promise after all."""

    def lost(place: int, _: str, measured: bool) -> float:
        return [0.0, ALMOST, 0.0 if measured else ALMOST, 0.0, 0.0][place]

    found = climbed(given, tmp_path, compress, monkeypatch, lost)
    assert found.trained == "abcd"
    assert found.chosen == "a INT8"
