"""Trainings in processes of their own: one that dies is told, and not a crash of the search."""

import os
import signal
from pathlib import Path
from typing import Any, cast

import pytest

from export.compress.candidates import running
from training.errors import TrainingError
from training.recipe.recipe import Recipe


def test_a_process_that_dies_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system kills one where memory is short."""
    monkeypatch.setattr(running, "train", _die)
    with (
        running.runner(2) as run,
        pytest.raises(TrainingError, match="fewer --jobs; the same command goes on"),
    ):
        run(cast("Recipe", None), Path("student"), 1.0, end=False, seconds=1.0)


def _die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)
