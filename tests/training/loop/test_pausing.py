"""A training that is paused at a share of its schedule, and goes on from there."""

import json
from pathlib import Path

import pytest
import torch
from transformers import TrainerControl, TrainerState, TrainingArguments

from tests.tiny import tiny_encoder_checkpoint, toy_data
from tests.training.builders import teacher_recipe
from training.errors import Paused
from training.loop.pausing import Pause
from training.loop.resuming import last_complete
from training.tasks.run import run_recipe

ARGUMENTS = TrainingArguments(report_to=[])


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


class Clock:
    """Shows what it is set to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of pauses."""
    clock = Clock()
    monkeypatch.setattr("training.loop.pausing.time", clock)
    return clock


def begun(pause: Pause, max_steps: int) -> TrainerState:
    """The state of a training that begins now."""
    state = TrainerState(max_steps=max_steps)
    pause.on_train_begin(ARGUMENTS, state, TrainerControl())
    return state


def test_what_ends_after_a_time_comes_to_rest(clock: Clock) -> None:
    """Its learning rate falls to nothing in the last half of the time, and it is evaluated then."""
    pause = Pause(1.0, end=True, seconds=100)
    state = begun(pause, 1000)
    rates, late = [], []
    for clock.now in (10, 50, 75, 95, 100):
        state.global_step += 1
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.2)
        control = TrainerControl()
        pause.on_step_end(ARGUMENTS, state, control, optimizer=optimizer)
        rates.append(optimizer.param_groups[0]["lr"])
        late.append(control.should_evaluate)
    assert rates[:4] == pytest.approx([0.2, 0.2, 0.1, 0.02])
    assert late == [False] * 4 + [True]


@pytest.mark.parametrize(("steps", "is_late"), [(80, True), (95, False)])
def test_a_schedule_that_does_not_fit_is_known_early(
    clock: Clock, steps: int, is_late: bool
) -> None:
    """After a tenth of the time it stops where a whole schedule would take a tenth over it."""
    pause = Pause(1.0, seconds=100)
    state = begun(pause, 1000)
    for clock.now, state.global_step in ((9.9, steps - 1), (10.1, steps)):
        control = TrainerControl()
        pause.on_step_end(ARGUMENTS, state, control)
    assert control.should_evaluate is is_late
