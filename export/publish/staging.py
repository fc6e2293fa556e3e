"""Where a version is built: out of sight, and gone afterwards, whatever happens to its maker.

A maker that was killed leaves its folder behind. Whoever publishes next takes that away: its lock
is held by nobody.
"""

import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

BEGUN = re.compile(r"\.\d+-[0-9a-z_]+")


@contextmanager
def hidden_folder(home: Path, version: int) -> Iterator[Path]:
    """A hidden folder on the disk of the versions in `home`.

    Its lock is taken before it is there, so that no other takes it away.
    """
    for left in home.iterdir():
        if left.is_dir() and BEGUN.fullmatch(left.name):
            _take_away(left)
    folder = home / f".{version}-{uuid.uuid4().hex}"
    with _lock(folder):
        try:
            folder.mkdir()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            _lock_of(folder).unlink(missing_ok=True)


def _take_away(folder: Path) -> None:
    try:
        with _lock(folder):
            shutil.rmtree(folder, ignore_errors=True)
            _lock_of(folder).unlink(missing_ok=True)
    except filelock.Timeout:  # its maker is at work
        return


def _lock(folder: Path) -> filelock.BaseFileLock:
    return filelock.FileLock(_lock_of(folder), timeout=0)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")
