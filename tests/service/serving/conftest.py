"""A repository of fakes."""

from pathlib import Path

import pytest

from tests.service.builders import write_cascade
from tests.service.serving.fakes import place


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A repository with student and teacher, which read otherwise, and a cascade of both."""
    place(tmp_path, "student")
    place(tmp_path, "teacher", max_length=4)
    write_cascade(tmp_path, threshold=0.8)
    return tmp_path
