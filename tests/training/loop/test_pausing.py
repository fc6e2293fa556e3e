"""A training that is paused at a share of its schedule, and goes on from there."""

import json
from pathlib import Path

import pytest

from tests.tiny import tiny_encoder_checkpoint, toy_data
from tests.training.builders import teacher_recipe
from training.errors import Paused
from training.loop.pausing import Pause
from training.loop.resuming import last_complete
from training.tasks.run import run_recipe


def test_a_paused_training_goes_on(tmp_path: Path) -> None:
    """What is paused and gone on with comes to what one run comes to; or it may end there."""
    toy_data(tmp_path / "train.tsv", 300, seed=1)
    toy_data(tmp_path / "test.tsv", 60, seed=2)
    tiny_encoder_checkpoint(tmp_path / "base", spread=0.02)
    recipe = teacher_recipe(tmp_path, training__evaluations_per_epoch=4, training__epochs=1)
    whole = run_recipe(recipe, tmp_path / "whole")

    output = tmp_path / "paused"
    with pytest.raises(Paused, match="paused at step"):
        run_recipe(recipe, output, callbacks=[Pause(0.3)])
    newest = last_complete(tmp_path / "paused.run")
    assert newest is not None
    state = json.loads((Path(newest) / "trainer_state.json").read_text())
    assert 0.3 <= state["global_step"] / state["max_steps"] < 1
    assert not output.exists()
    metrics = run_recipe(recipe, output, resume=True, callbacks=[Pause(1.0)])
    assert metrics["steps"] == whole["steps"]
    assert metrics["validation"]["accuracy"] == whole["validation"]["accuracy"]

    ended = run_recipe(recipe, tmp_path / "ended", callbacks=[Pause(0.3, end=True)])
    assert 0 < ended["steps"] < whole["steps"]

    late = tmp_path / "late"
    with pytest.raises(Paused, match="paused at step"):
        run_recipe(recipe, late, callbacks=[Pause(1.0, seconds=0)])
    newest = last_complete(tmp_path / "late.run")
    assert newest is not None
    state = json.loads((Path(newest) / "trainer_state.json").read_text())
    share = state["global_step"] / state["max_steps"]
    assert state["global_step"] == 1
    assert any("eval_accuracy" in row for row in state["log_history"])
    there = run_recipe(recipe, late, resume=True, callbacks=[Pause(share, end=True)])
    assert there["steps"] <= state["global_step"] + 1  # no further than it was
