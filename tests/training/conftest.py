"""Toy data, a base encoder, and a teacher trained once for all tests that need one."""

from pathlib import Path

import pytest

from tests.tiny import tiny_encoder_checkpoint, toy_data
from tests.training.builders import teacher_recipe
from training.tasks.run import run_recipe


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with train.tsv, test.tsv and `base`, a random encoder; not to be changed."""
    folder = tmp_path_factory.mktemp("toy")
    toy_data(folder / "train.tsv", 400, seed=1)
    toy_data(folder / "test.tsv", 200, seed=2)
    tiny_encoder_checkpoint(folder / "base", spread=0.02)
    return folder


@pytest.fixture(scope="session")
def teacher(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a trained tiny teacher; not to be changed."""
    output = tmp_path_factory.mktemp("teacher") / "teacher"
    run_recipe(teacher_recipe(toy), output)
    return output
