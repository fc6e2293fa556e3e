"""One training by several processes: the same result, written once."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.training.builders import student_recipe
from training.processes import LaunchError, check_shares, is_main_process, join_processes
from training.recipe import RecipeError
from training.trainer import run_recipe

ROOT = Path(__file__).parents[2]


def launch(cache: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs `stillhouse` by `accelerate launch` in two processes on the CPU."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch"),
            *("--multi_gpu", "--num_processes", "2", "--num_machines", "1"),
            *("--main_process_port", "0", "--mixed_precision", "no", "--dynamo_backend", "no"),
            *("-m", "cli", *map(str, arguments)),
        ],
        cwd=ROOT,
        env={**os.environ, "STILLHOUSE_CACHE": str(cache), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
    )


def test_two_processes_train_what_one_does(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """Launched twice, a recipe takes the same steps to the same weights, and is written once."""
    # 340 texts in 17 full batches: a last one that is not full would be filled up.
    recipe = student_recipe(toy, teacher, training__batch_size=20, training__epochs=2)
    (tmp_path / "recipe.toml").write_text(recipe.to_toml())
    done = launch(
        tmp_path / "cache",
        *("distil", "--recipe", tmp_path / "recipe.toml", "--output", tmp_path / "two"),
    )
    assert done.returncode == 0, done.stderr
    one = run_recipe(recipe, tmp_path / "one")
    two = json.loads((tmp_path / "two" / "metrics.json").read_text())
    assert (one["processes"], two["processes"]) == (1, 2)
    assert one["steps"] == two["steps"] == 2 * 17
    for split in ("validation", "test"):
        assert one[split] == pytest.approx(two[split])

    # Both see the same batches in the same order, and the same evaluations.
    def logged(metrics: dict[str, list[dict[str, float]]], key: str) -> list[float]:
        return [entry[key] for entry in metrics["log"] if key in entry]

    assert logged(two, "loss") == pytest.approx(logged(one, "loss"), abs=1e-3)
    assert logged(two, "eval_accuracy") == pytest.approx(logged(one, "eval_accuracy"))
    weights = [load_file(tmp_path / name / "model.safetensors") for name in ("one", "two")]
    assert weights[0].keys() == weights[1].keys()
    for name, tensor in weights[0].items():
        assert (tensor - weights[1][name]).abs().max() < 1e-4, name

    # The main process alone asked the teacher, wrote and reported; nothing is left over.
    assert len(re.findall(r"teacher logits: 100%", done.stderr)) == 1
    assert done.stdout.count("test: accuracy") == 1
    assert not (tmp_path / "two.run").exists()


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
