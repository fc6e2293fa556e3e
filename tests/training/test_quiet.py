"""What a run shows: its own lines and bars, and nothing that other libraries say to developers."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from transformers.utils import logging

from cli import main
from tests.tiny import tiny_encoder, tiny_hub_tokenizer
from tests.training.builders import teacher_recipe
from training.models.checkpoints.checkpoint import load_checkpoint

# Of the steps and of an evaluation; and a label that so short a training never gives is told.
BARS = r"training: .*|\d+%\|.*|WARNING: the model never gives .*|"


def test_a_training_says_what_a_user_can_use(
    toy: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its bar, its evaluations and its scores; no word of weights, shards, heads or configs."""
    recipe = teacher_recipe(
        toy, training__epochs=None, training__steps=30, training__batch_size=32, model__dropout=0.1
    )
    (tmp_path / "recipe.toml").write_text(recipe.to_toml())
    arguments = ["--recipe", str(tmp_path / "recipe.toml"), "--output", str(tmp_path / "teacher")]
    done = CliRunner().invoke(main, ["train", *arguments])
    assert done.exit_code == 0, done.output
    shown = re.sub(r"\x1b\[\w", "", done.stderr).replace("\r", "\n").splitlines()
    assert [line for line in map(str.strip, shown) if not re.fullmatch(BARS, line)] == []
    assert [record.message for record in caplog.records] == [
        "training.epochs is not given: 3 for 338 texts"
    ]
    said = [line for line in done.stdout.splitlines() if line.strip()]
    assert said[0].startswith("step 3 of 33: ")
    assert "accuracy 0." in said[0]
    others = [line.split(":")[0] for line in said if not line.startswith("step ")]
    assert others[:2] == ["validation", "test"]


def test_a_checkpoint_is_read_without_a_word(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """No bar of weights stands before what a command has to say."""
    tiny_encoder().save_pretrained(tmp_path / "model")
    tiny_hub_tokenizer().save_pretrained(tmp_path / "model")
    logging.enable_progress_bar()  # as in a new process
    capfd.readouterr()
    load_checkpoint(str(tmp_path / "model"))
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
