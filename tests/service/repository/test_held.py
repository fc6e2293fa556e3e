"""What an operator chose outlives the process, or is said not to."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from service.errors import RepositoryError, Unavailable
from service.repository import held as held_module
from service.repository.held import UNLOADED, HeldFile
from tests.service.faults import locked

CHOSEN = {"student": 2, "teacher": UNLOADED}


@contextlib.contextmanager
def read_only(root: Path) -> Iterator[None]:
    """A repository that cannot be written, even by root."""
    away = root.with_name("away")
    root.rename(away)
    try:
        yield
    finally:
        away.rename(root)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository."""
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder that workers share."""
    (tmp_path / "shared").mkdir()
    return tmp_path / "shared"


def test_a_choice_outlives_the_process(root: Path) -> None:
    """Another process, and another replica, read what this one wrote; nothing else is left."""
    assert HeldFile(root, None).read() == {}
    assert HeldFile(root, None).write(CHOSEN)
    assert HeldFile(root, None).read() == CHOSEN
    assert (root / "held.toml").read_text() == '"student" = 2\n"teacher" = "unloaded"\n'
    assert os.listdir(root) == ["held.toml"]
    script = (
        "import pathlib, sys\n"
        "from service.repository.held import HeldFile\n"
        "print(HeldFile(pathlib.Path(sys.argv[1]), None).read())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(root)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(CHOSEN)


def test_a_choice_can_be_undone(root: Path) -> None:
    """The whole is written each time."""
    held = HeldFile(root, None)
    held.write(CHOSEN)
    assert held.write({})
    assert HeldFile(root, None).read() == {}


def test_where_nothing_can_be_written_it_stays_with_the_process(root: Path) -> None:
    """And it is said."""
    held = HeldFile(root, None)
    with read_only(root):
        assert held.write(CHOSEN) is False
        assert held.read() == CHOSEN
    assert HeldFile(root, None).read() == {}


def test_workers_share_what_the_repository_does_not_take(root: Path, shared: Path) -> None:
    """It counts for more than what the repository said before."""
    HeldFile(root, shared).write({"student": 1})
    with read_only(root):
        assert HeldFile(root, shared).write(CHOSEN) is False
    assert HeldFile(root, shared).read() == CHOSEN
    assert HeldFile(root, None).read() == {"student": 1}


def test_the_repository_counts_again_when_it_takes_a_choice(root: Path, shared: Path) -> None:
    """What was put beside it is gone by then."""
    held = HeldFile(root, shared)
    with read_only(root):
        held.write(CHOSEN)
    assert held.write({"student": 3})
    assert HeldFile(root, shared).read() == HeldFile(root, None).read() == {"student": 3}
    shutil.rmtree(shared)
    with read_only(root):
        assert held.write(CHOSEN) is False  # nowhere but here
    assert held.read() == CHOSEN
    assert held.write({})
    assert held.read() == {}


def test_the_stamp_tells_of_choices(root: Path, shared: Path) -> None:
    """Of one in the repository, one beside it and one in the process alone."""
    held = HeldFile(root, shared)
    seen = [held.stamp()]
    assert held.stamp() == seen[0]
    HeldFile(root, None).write({"student": 1})  # somebody else
    seen.append(held.stamp())
    HeldFile(root, None).write({"student": 2})
    seen.append(held.stamp())
    with read_only(root):
        HeldFile(root, shared).write({"student": 1})
    seen.append(held.stamp())
    shutil.rmtree(shared)
    with read_only(root):
        held.write({"student": 2})
    seen.append(held.stamp())
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("student = ", "is not TOML"),
        ("\xff", "cannot be read"),
        (f"student = {'9' * 5000}", "is not TOML"),
        (f"student = {'[' * 3000}", "is not TOML"),
        ("student = 0", "student is 0: give it a version, or 'unloaded'"),
        ("student = true", "student is True"),
        ("student = 'gone'", "student is 'gone'"),
        ("[student]\nversion = 2", "student is {'version': 2}"),
    ],
)
def test_what_cannot_be_used_is_an_error(root: Path, text: str, says: str) -> None:
    """Of somebody's editor: the choices in force should not change by it."""
    (root / "held.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(RepositoryError, match=rf"held\.toml.* {says}"):
        HeldFile(root, None).read()


def test_a_pipe_in_its_place_is_an_error(root: Path) -> None:
    """And is not waited for."""
    os.mkfifo(root / "held.toml")
    with pytest.raises(RepositoryError, match="it is no regular file"):
        HeldFile(root, None).read()


def test_a_folder_in_its_place_is_an_error(root: Path) -> None:
    """Not a crash."""
    (root / "held.toml").mkdir()
    with pytest.raises(RepositoryError, match="cannot be read"):
        HeldFile(root, None).read()
    assert HeldFile(root, None).write(CHOSEN) is False
    assert os.listdir(root) == ["held.toml"]


def test_a_lock_that_another_process_keeps_is_not_waited_for_long(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replica that was stopped inside it, say: nothing is written, and it is told."""
    monkeypatch.setattr(held_module, "LOCK_SECONDS", 0.05)
    held = HeldFile(root, None)
    with locked(root):
        for ask in (held.wait_free, partial(held.change, "student", 1, {})):
            with pytest.raises(Unavailable, match=r"locked by another process for 0\.05 s"):
                ask()
        assert held.read() == {}
    assert held.change("student", 1, {})
    assert held.read() == {"student": 1}
