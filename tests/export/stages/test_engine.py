"""Stages keyed by content: kept where nothing changed, made again where anything did."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from export.errors import ExportError
from export.stages.engine import RECORD, Made, Workshop
from export.stages.keys import content_key, ran_by


class Counter:
    """A stage that counts how often it ran."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, folder: Path) -> None:
        """Writes the number of the run."""
        self.runs += 1
        (folder / "result").write_text(str(self.runs))


def stage(root: Path, make: Any, read: dict[str, Any], **options: Any) -> Made:
    """One stage in a workshop of its own, as another process would have."""
    shop = Workshop(root, print, 1)
    with shop.at_work():
        return shop.stage("train", "train", read, make, **options)


def test_the_same_is_kept_and_another_is_made(tmp_path: Path) -> None:
    """A stage runs once for what it reads, wherever it stands in the order of names."""
    counter = Counter()
    first = stage(tmp_path, counter, {"texts": "a", "lr": 0.1})
    again = stage(tmp_path, counter, {"lr": 0.1, "texts": "a"})
    other = stage(tmp_path, counter, {"texts": "b", "lr": 0.1})
    assert counter.runs == 2
    assert (first.reused, again.reused, other.reused) == (False, True, False)
    assert again.folder == first.folder != other.folder
    assert json.loads((other.folder / RECORD).read_text())["read"] == {"texts": "b", "lr": 0.1}


def test_a_stage_that_fails_leaves_no_result(tmp_path: Path) -> None:
    """Half a result is not one, and is not found by the next run."""

    def half(folder: Path) -> None:
        (folder / "result").write_text("half")
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="middle"):
        stage(tmp_path, half, {})
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    counter = Counter()
    assert stage(tmp_path, counter, {}).reused is False
    assert counter.runs == 1


def test_a_stage_that_goes_on_finds_what_it_left(tmp_path: Path) -> None:
    """Where a stage can go on, what it wrote before the stop is there."""

    def stopped(folder: Path) -> None:
        (folder / "begun").write_text("")
        raise KeyboardInterrupt

    def goes_on(folder: Path) -> None:
        assert (folder / "begun").exists()

    with pytest.raises(KeyboardInterrupt):
        stage(tmp_path, stopped, {}, goes_on=True)
    assert not stage(tmp_path, goes_on, {}, goes_on=True).reused


def test_a_folder_without_its_record_is_no_result(tmp_path: Path) -> None:
    """What lost its record, or has one that cannot be read, is made again."""
    counter = Counter()
    made = stage(tmp_path, counter, {})
    (made.folder / RECORD).write_text("{")
    assert stage(tmp_path, counter, {}).reused is False
    assert (made.folder / "result").read_text() == "2"


def test_one_command_at_a_time(tmp_path: Path) -> None:
    """A second command in the same folder is told so."""
    with (
        Workshop(tmp_path, print, 1).at_work(),
        pytest.raises(ExportError, match="another command is at work"),
        Workshop(tmp_path, print, 1).at_work(),
    ):
        pass


def test_code_is_part_of_a_key() -> None:
    """The hash of the code is that of the packages named, whatever their order."""
    both = ran_by("export.stages", "export.errors")
    assert both == ran_by("export.errors", "export.stages")
    assert both != ran_by("export.stages")
    assert content_key("a", {"x": 1}) != content_key("b", {"x": 1})


def test_the_same_asked_for_at_once_is_made_once(tmp_path: Path) -> None:
    """The second waits for the first and takes its result; it does not write in the same folder."""
    shop, began, ends = Workshop(tmp_path, print, 1), Event(), Event()
    runs = Counter()

    def slow(folder: Path) -> None:
        began.set()
        assert ends.wait(30)
        runs(folder)

    with shop.at_work(), ThreadPoolExecutor(2) as threads:
        first = threads.submit(shop.stage, "train", "first", {"a": 1}, slow)
        assert began.wait(30)
        second = threads.submit(shop.stage, "train", "second", {"a": 1}, slow)
        other = shop.stage("train", "other", {"a": 2}, Counter())  # waits for nobody
        assert not second.done()
        ends.set()
        assert [first.result().reused, second.result().reused, other.reused] == [False, True, False]
    assert runs.runs == 1
