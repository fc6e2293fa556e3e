"""A repository of fakes, and a look whether a test leaves a thread behind."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.builders import write_cascade
from tests.service.serving.fakes import PATIENCE, place


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Every thread that a test starts, a model's or the pool's, ends with it."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
        assert not thread.is_alive(), thread.name


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A repository with student and teacher, which read otherwise, and a cascade of both."""
    place(tmp_path, "student")
    place(tmp_path, "teacher", max_length=4)
    write_cascade(tmp_path, threshold=0.8)
    return tmp_path
