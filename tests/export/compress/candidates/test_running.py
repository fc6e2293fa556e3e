"""Trainings in processes of their own: their cores, and one that dies."""

import os
import signal
from pathlib import Path
from typing import Any, cast

import pytest
import torch

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


@pytest.mark.parametrize("at_once", [1, 2])
def test_who_trains_alone_has_all_cores(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, at_once: int
) -> None:
    """And those that train side by side share them."""
    monkeypatch.setattr(running, "train", _tell_threads)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    with running.runner(2) as run:
        run.at_once = at_once
        run(cast("Recipe", None), tmp_path / "threads", 1.0, end=False, seconds=1.0)
    assert (tmp_path / "threads").read_text() == str(2 // at_once)


def _tell_threads(_: Any, output: Path, *__: Any) -> None:
    output.write_text(str(torch.get_num_threads()))
