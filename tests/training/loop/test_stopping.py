"""A training that is stopped: what it leaves, what it says, and how it goes on."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from cli import main
from tests.training.builders import student_recipe
from training.errors import CheckpointError, Interrupted
from training.loop.resuming import begin, last_complete
from training.loop.stopping import SaveAndStop, Stop
from training.tasks.classification import prepare
from training.tasks.run import run_recipe


class SignalAt(TrainerCallback):
    """Sends this process a signal at a step."""

    def __init__(self, step: int, number: int, times: int = 1) -> None:
        self._step = step
        self._number = number
        self._times = times

    def on_step_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002  the Trainer passes it
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **_: Any,
    ) -> None:
        """Called by the Trainer."""
        if state.global_step == self._step:
            for _time in range(self._times):
                os.kill(os.getpid(), self._number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_stopped_before_its_first_evaluation_goes_on(
    toy: Path, teacher: Path, tmp_path: Path, number: int
) -> None:
    """What it learnt is saved, and it ends with the weights of one that was never stopped."""
    recipe = student_recipe(
        toy, teacher, training__epochs=1, training__evaluations_per_epoch=1, model__dropout=0.1
    )
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted, match=r"step 5 of 22, which is saved: .*--resume") as stopped:
        run_recipe(recipe, tmp_path / "student", callbacks=[SignalAt(4, number)])
    assert stopped.value.signal == number
    assert signal.getsignal(signal.SIGINT) == before
    assert last_complete(tmp_path / "student.run") == str(tmp_path / "student.run/checkpoint-5")
    assert run_recipe(recipe, tmp_path / "student", resume=True)["steps"] == 22
    run_recipe(recipe, tmp_path / "whole")
    resumed, whole = (
        load_file(tmp_path / name / "model.safetensors") for name in ("student", "whole")
    )
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_second_signal_does_not_wait(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """It ends the run at once, with nothing saved."""
    recipe = student_recipe(toy, teacher, training__epochs=1)
    with pytest.raises(KeyboardInterrupt):
        run_recipe(recipe, tmp_path / "student", callbacks=[SignalAt(2, signal.SIGINT, 2)])
    assert last_complete(tmp_path / "student.run") is None


def test_it_saves_soon_and_now_and_then(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """A kill loses little: it saves long before its first evaluation, and goes on doing so."""
    recipe = student_recipe(
        toy,
        teacher,
        training__epochs=1,
        training__evaluations_per_epoch=1,
        trainer={"save_total_limit": 99},
    )
    trainer = prepare(recipe, tmp_path / "run").trainer
    trainer.add_callback(SaveAndStop(Stop(), first=0.0, every=0.0))
    trainer.train()
    assert len(list((tmp_path / "run").glob("checkpoint-*"))) == 22
    rare = prepare(recipe, tmp_path / "rare").trainer
    rare.add_callback(SaveAndStop(Stop(), first=0.0, every=3600.0))
    rare.train()
    names = {path.name for path in (tmp_path / "rare").glob("checkpoint-*")}
    assert names == {"checkpoint-1", "checkpoint-22"}


@pytest.mark.parametrize(
    ("error", "code", "expected"),
    [
        (Interrupted("stopped at step 5, --resume", signal.SIGTERM), 143, "stopped at step 5"),
        (KeyboardInterrupt(), 130, "stopped: give the same command with --resume to go on"),
    ],
)
def test_the_command_says_how_to_go_on(
    toy: Path,
    teacher: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    expected: str,
) -> None:
    """One line and no traceback, and the exit code of the signal."""

    def stopped(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("training.tasks.run.run_recipe", stopped)
    (tmp_path / "recipe.toml").write_text(student_recipe(toy, teacher).to_toml())
    arguments = ["--recipe", str(tmp_path / "recipe.toml"), "--output", str(tmp_path / "student")]
    result = CliRunner().invoke(main, ["distil", *arguments])
    assert result.exit_code == code
    (line,) = result.stderr.strip().splitlines()
    assert expected in line
    assert "--resume" in line


def test_a_run_made_from_something_else_is_not_gone_on_with(
    toy: Path, teacher: Path, tmp_path: Path
) -> None:
    """Labels that were swapped in the same file, another recipe or another teacher are told."""
    (tmp_path / "train.tsv").write_text((toy / "train.tsv").read_text())
    data = {"data__train": str(tmp_path / "train.tsv")}
    output = tmp_path / "student"
    recipe = student_recipe(toy, teacher, **data)
    with pytest.raises(Interrupted):
        run_recipe(recipe, output, callbacks=[SignalAt(2, signal.SIGINT)])
    changed = student_recipe(toy, teacher, **data, training__learning_rate=1e-3)
    with pytest.raises(CheckpointError, match=r"student\.run was made from another recipe: "):
        run_recipe(changed, output, resume=True)
    swapped = (tmp_path / "train.tsv").read_text()
    for old, new in (("positive", "X"), ("negative", "positive"), ("X", "negative")):
        swapped = swapped.replace(f"\t{old}", f"\t{new}")
    (tmp_path / "train.tsv").write_text(swapped)
    with pytest.raises(CheckpointError, match="was made from another data: what it learnt"):
        run_recipe(recipe, output, resume=True)


def test_other_code_is_another_run(
    toy: Path, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an older version learnt is not gone on with by a newer one."""
    recipe = student_recipe(toy, teacher)
    begin(tmp_path / "run", recipe, {"data": "1"})
    (tmp_path / "run" / "checkpoint-3").mkdir()
    (tmp_path / "run" / "checkpoint-3" / "trainer_state.json").write_text("{}")
    begin(tmp_path / "run", recipe, {"data": "1"})
    monkeypatch.setattr("training.loop.resuming.code_sha256", lambda *_: "newer")
    with pytest.raises(CheckpointError, match="another code"):
        begin(tmp_path / "run", recipe, {"data": "1"})
