"""One training by several processes: the same result, written once."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tests.training.builders import student_recipe, teacher_recipe
from training.errors import LaunchError, RecipeError
from training.loop.processes import check_shares, is_main_process, join_processes
from training.loop.resuming import begin
from training.recipe.recipe import Recipe
from training.tasks.classification import prepare
from training.tasks.run import run_recipe

ROOT = Path(__file__).parents[3]


def launch(cache: Path, *commands: list[object]) -> subprocess.CompletedProcess[str]:
    """Runs `stillhouse` commands, one after the other, in two processes on the CPU."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch"),
            *("--multi_gpu", "--num_processes", "2", "--num_machines", "1"),
            *("--main_process_port", "0", "--mixed_precision", "no", "--dynamo_backend", "no"),
            *("-m", "tests.training.launched"),
            json.dumps([[str(argument) for argument in command] for command in commands]),
        ],
        cwd=ROOT,
        env={**os.environ, "STILLHOUSE_CACHE": str(cache), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=900,  # two that are out of step would wait for each other
    )


class StopAtFirstSave(TrainerCallback):
    """Ends a training when it has saved, as a kill would."""

    def on_save(
        self,
        args: TrainingArguments,  # noqa: ARG002  the Trainer passes it
        state: TrainerState,  # noqa: ARG002
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Called by the Trainer."""
        control.should_training_stop = True


def interrupted(recipe: Recipe, output: Path) -> None:
    """Leaves an unfinished run of `recipe` beside `output`."""
    run = output.with_name(f"{output.name}.run")
    job = prepare(recipe, run)
    begin(run, recipe, job.parts)
    job.trainer.add_callback(StopAtFirstSave())
    job.trainer.train()


def differences(one: Path, two: Path) -> float:
    """The largest difference between two checkpoints' weights."""
    first, second = (load_file(path / "model.safetensors") for path in (one, two))
    assert first.keys() == second.keys()
    return max((tensor - second[name]).abs().max().item() for name, tensor in first.items())


def test_two_processes_train_what_one_does(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """Launched twice, a recipe takes the same steps to the same weights, and is written once."""
    # 338 texts in 13 full batches: a last one that is not full would be filled up.
    recipe = student_recipe(toy, teacher, training__batch_size=26, training__epochs=2)
    (tmp_path / "recipe.toml").write_text(recipe.to_toml())
    interrupted(recipe, tmp_path / "resumed")
    plain = teacher_recipe(toy, training__batch_size=26, training__epochs=1)
    (tmp_path / "plain.toml").write_text(plain.to_toml())
    command: list[object] = ["distil", "--recipe", tmp_path / "recipe.toml", "--output"]
    done = launch(
        tmp_path / "cache",
        [*command, tmp_path / "two"],
        [*command, tmp_path / "two"],
        [*command, tmp_path / "odd", "--set", "training.batch_size=15"],
        [*command, tmp_path / "resumed", "--resume"],
        ["train", "--recipe", tmp_path / "plain.toml", "--output", tmp_path / "plain-two"],
    )
    assert done.returncode == 0, done.stderr
    one = run_recipe(recipe, tmp_path / "one")
    for name in ("two", "resumed"):
        found = _metrics(tmp_path / name)
        assert (one["processes"], found["processes"]) == (1, 2)
        assert one["steps"] == found["steps"] == 2 * 13
        for split in ("validation", "test"):
            assert one[split]["by_label"] == found[split]["by_label"]
            # A confidence at the edge of a bin may fall on either side of it.
            assert one[split]["ece"] == pytest.approx(found[split]["ece"], abs=5e-3)
        # Both saw the same batches in the same order, and the same evaluations.
        for key, tolerance in (("loss", 1e-3), ("eval_accuracy", 1e-9)):
            logged = [
                [entry[key] for entry in metrics["log"] if key in entry] for metrics in (one, found)
            ]
            assert logged[0] == pytest.approx(logged[1], abs=tolerance)
        assert differences(tmp_path / "one", tmp_path / name) < 1e-4

    # A model whose `forward` takes anything: its gradient is not doubled by a second process.
    logs = run_recipe(plain, tmp_path / "plain-one")["log"], _metrics(tmp_path / "plain-two")["log"]
    norms = [[entry["grad_norm"] for entry in log if "grad_norm" in entry] for log in logs]
    assert norms[0] == pytest.approx(norms[1], rel=0.05)

    # The main process alone wrote and reported; the teacher was asked once, nothing is left over.
    assert len(list((tmp_path / "cache" / "logits").iterdir())) == 1
    assert done.stdout.count("test: accuracy") == 3
    names = {path.name for path in tmp_path.iterdir()}
    plain_names = {"plain.toml", "plain-one", "plain-two"}
    assert names == {"cache", "recipe.toml", "one", "two", "resumed"} | plain_names
    assert "two exists: remove it, or choose another --output" in done.stderr
    assert "training.batch_size 15 cannot be shared evenly by 2 processes" in done.stderr


def _metrics(checkpoint: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((checkpoint / "metrics.json").read_text())
    return found


def test_batches_must_be_shared_evenly(toy: Path, teacher: Path) -> None:
    """A batch that cannot be cut into as many parts as there are processes is an error."""
    recipe = student_recipe(toy, teacher, training__batch_size=18)
    check_shares(recipe, 3)
    with pytest.raises(RecipeError, match="batch_size 18 cannot be shared evenly by 4 processes"):
        check_shares(recipe, 4)


def test_a_launcher_that_starts_one_process_is_told(
    toy: Path, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `accelerate launch --cpu` leaves to mpirun does not pass for several processes."""
    recipe = student_recipe(toy, teacher)
    assert join_processes(recipe).num_processes == 1
    assert is_main_process()
    # As accelerate's launcher for one process sets them when it was asked for several.
    monkeypatch.setenv("ACCELERATE_USE_CPU", "True")
    assert join_processes(recipe).num_processes == 1
    monkeypatch.setenv("MASTER_PORT", "29500")
    with pytest.raises(LaunchError, match="give it --multi_gpu, which works on CPUs too"):
        join_processes(recipe)
