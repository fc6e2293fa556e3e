"""Recipes run from end to end, on toy data with tiny models."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from service.errors import InvalidInput
from tests.tiny import tiny_encoder, tiny_encoder_checkpoint, tiny_hub_tokenizer, tiny_nano
from tests.training.builders import student_recipe, teacher_recipe
from training.data.loading import load_split
from training.errors import CheckpointError, DataError, RecipeError
from training.loop.schedule import trainer_arguments
from training.models.checkpoints.checkpoint import load_checkpoint
from training.models.initialization import contextual_embeddings
from training.models.students.bilstm import BiLstmForSequenceClassification, project_embeddings
from training.models.students.nano import NanoForSequenceClassification
from training.recipe.recipe import load_recipe
from training.tasks.classification import prepare
from training.tasks.run import run_recipe

ROOT = Path(__file__).parents[3]


def test_long_texts_are_scored_in_windows(toy: Path, tmp_path: Path) -> None:
    """Trained on what fits, and right about texts that begin with what tells nothing."""
    lines = (toy / "test.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines[1:]]
    long = [lines[0], *("film " * 40 + f"{text} " * 8 + f"\t{label}" for text, label in rows)]
    (tmp_path / "long.tsv").write_text("\n".join(long) + "\n", encoding="utf-8")
    windows = {"stride": 8, "pooling": "mean"}
    recipe = teacher_recipe(toy, data__test=str(tmp_path / "long.tsv"), data__windows=windows)
    assert run_recipe(recipe, tmp_path / "teacher")["test"]["accuracy"] > 0.9
    wide = teacher_recipe(toy, data__windows={"stride": 30})
    with pytest.raises(InvalidInput, match="stride of 30 is too much"):
        run_recipe(wide, tmp_path / "other")


def test_teacher_learns(toy: Path, teacher: Path) -> None:
    """The teacher is far better than chance on texts it never saw."""
    metrics = json.loads((teacher / "metrics.json").read_text())
    assert metrics["test"]["accuracy"] > 0.9
    assert metrics["test"]["n"] == 200
    assert metrics["validation"]["n"] == 60
    sets = load_split(teacher_recipe(toy).data)
    for name in ("train", "choose", "fit"):
        found = getattr(sets, name)
        assert (metrics[name]["n"], metrics[name]["sha256"]) == (len(found), found.sha256)
    assert metrics["recipe_sha256"] == teacher_recipe(toy).sha256
    assert metrics["steps"] == 4 * 22


def test_checkpoint_holds_what_ran(toy: Path, teacher: Path) -> None:
    """Weights, tokeniser, recipe and metrics lie in the checkpoint, and nothing beside it."""
    names = {path.name for path in teacher.iterdir()}
    assert names >= {"model.safetensors", "tokenizer.json", "recipe.toml", "metrics.json"}
    assert load_recipe(teacher / "recipe.toml") == teacher_recipe(toy)
    assert [path.name for path in teacher.parent.iterdir()] == ["teacher"]
    assert load_checkpoint(str(teacher)).labels == ("negative", "positive")


def test_student_learns_from_the_teacher(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """A Bi-LSTM distilled from the teacher is far better than chance, and says who taught it."""
    metrics = run_recipe(student_recipe(toy, teacher), tmp_path / "student")
    student, taught_by = (load_checkpoint(str(p)) for p in (tmp_path / "student", teacher))
    assert metrics["test"]["accuracy"] > 0.9
    assert metrics["teacher_sha256"] == taught_by.sha256
    assert isinstance(student.model, BiLstmForSequenceClassification)
    assert student.labels == taught_by.labels
    assert student.tokenizer.encode(["fine"])[0].ids == taught_by.tokenizer.encode(["fine"])[0].ids
    assert metrics["parameters"] == sum(p.numel() for p in student.model.parameters())
    assert metrics == student.metrics


NANO = {"architecture": "nano", "embedding_size": 16, "filters": 24, "width": 3, "dropout": 0.0}


def test_nano_learns_from_the_teacher(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """A nano distilled from the teacher is far better than chance, of the shape asked for."""
    metrics = run_recipe(student_recipe(toy, teacher, model=NANO), tmp_path / "nano")
    nano, taught_by = (load_checkpoint(str(p)) for p in (tmp_path / "nano", teacher))
    assert metrics["test"]["accuracy"] > 0.9
    assert isinstance(nano.model, NanoForSequenceClassification)
    assert nano.tokenizer.encode(["fine"])[0].ids == taught_by.tokenizer.encode(["fine"])[0].ids
    shape = {key: getattr(nano.model.config, key) for key in NANO if key != "architecture"}
    assert shape == {key: value for key, value in NANO.items() if key != "architecture"}


def test_student_learns_from_logits_alone(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """With alpha 1 a wrong label does no harm: the student does what the teacher does."""
    lines = (toy / "train.tsv").read_text().splitlines()
    swap = {"positive": "negative", "negative": "positive"}
    pairs = (line.split("\t") for line in lines[1:])
    spoilt = [f"{text}\t{swap[label]}" for text, label in pairs]
    (tmp_path / "spoilt.tsv").write_text("\n".join([lines[0], *spoilt]) + "\n")
    recipe = student_recipe(
        toy,
        teacher,
        data__train=str(tmp_path / "spoilt.tsv"),
        distillation__alpha=1.0,
        # The best by spoilt validation labels is the worst: look once only, at the end.
        training__evaluations_per_epoch=1,
        training__epochs=1,
        training__batch_size=8,
    )
    assert run_recipe(recipe, tmp_path / "student")["test"]["accuracy"] > 0.9


def test_student_starts_from_the_teachers_embeddings(
    toy: Path, teacher: Path, tmp_path: Path
) -> None:
    """Untrained, the student's embeddings are the teacher's, projected; padding's are zero."""
    recipe = student_recipe(
        toy, teacher, training__learning_rate=1e-30, training__epochs=1, model__embedding_size=32
    )
    run_recipe(recipe, tmp_path / "student")
    student, taught_by = (load_checkpoint(str(p)).model for p in (tmp_path / "student", teacher))
    table = taught_by.get_input_embeddings().weight.detach()  # type: ignore[operator]
    expected = project_embeddings(table, 32)
    expected[0] = 0
    found = student.embedding.weight  # type: ignore[union-attr]
    assert (found - expected).abs().max() < 1e-6  # type: ignore[operator]


def untrained(toy: Path, teacher: Path, output: Path, start: str) -> torch.Tensor:
    """The embedding table that a nano begins with."""
    recipe = student_recipe(
        toy,
        teacher,
        model={**NANO, "embedding_size": 32, "initial_embeddings": start},
        training__learning_rate=1e-30,
        training__epochs=1,
    )
    run_recipe(recipe, output)
    table: torch.Tensor = load_checkpoint(str(output)).model.embedding.weight.detach()  # type: ignore[union-attr, operator]
    return table


def test_contextual_start(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """A student may begin with what the teacher's last layer says of each token alone."""
    found = untrained(toy, teacher, tmp_path / "nano", "contextual")
    taught_by = load_checkpoint(str(teacher))
    rows = []
    with torch.inference_mode():
        for token in range(len(taught_by.hub_tokenizer)):
            ids = torch.tensor([[2, token, 3]])  # [CLS] token [SEP]
            output = taught_by.model(
                input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True
            )
            rows.append(output.hidden_states[-1][0, 1])
    expected = project_embeddings(torch.stack(rows), 32)
    expected[0] = 0
    # An axis of the projection may point either way.
    assert (found.abs() - expected.abs()).abs().max() < 1e-3
    assert torch.equal(found[0], torch.zeros(32))


def test_contextual_start_is_computed_once(
    teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The teacher's states come from the cache the second time, and are the same."""
    monkeypatch.setenv("STILLHOUSE_CACHE", str(tmp_path / "cache"))
    taught_by = load_checkpoint(str(teacher))
    first = contextual_embeddings(taught_by)
    monkeypatch.setattr(taught_by.model, "forward", None)
    assert torch.equal(contextual_embeddings(taught_by), first)


def test_random_start(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """A random start is neither of the teacher's tables."""
    starts = ("random", "teacher", "contextual")
    tables = [untrained(toy, teacher, tmp_path / start, start) for start in starts]
    assert all(
        (tables[i].abs() - tables[j].abs()).abs().mean() > 0.1 for i, j in ((0, 1), (0, 2), (1, 2))
    )


def test_contextual_start_needs_an_encoder(toy: Path, tmp_path: Path) -> None:
    """A teacher without hidden states is an error that says what to do instead."""
    tiny_nano().save_pretrained(tmp_path / "teacher")
    tiny_hub_tokenizer().save_pretrained(tmp_path / "teacher")
    recipe = student_recipe(toy, tmp_path / "teacher", model=NANO)
    with pytest.raises(RecipeError, match="no hidden states for 'contextual'; 'teacher' takes"):
        run_recipe(recipe, tmp_path / "nano")


def test_tables_longer_than_the_vocabulary(toy: Path, tmp_path: Path) -> None:
    """A teacher whose embedding table was padded to a round size can be distilled."""
    model = tiny_encoder()
    model.resize_token_embeddings(pad_to_multiple_of=64, mean_resizing=False)
    model.save_pretrained(tmp_path / "padded")
    tiny_hub_tokenizer().save_pretrained(tmp_path / "padded")
    recipe = student_recipe(toy, tmp_path / "padded", training__epochs=1)
    run_recipe(recipe, tmp_path / "student")
    student = load_checkpoint(str(tmp_path / "student"))
    assert student.model.config.vocab_size == len(student.hub_tokenizer)


def weights(checkpoint: Path) -> dict[str, Any]:
    """A checkpoint's tensors as lists, to compare."""
    tensors = load_file(checkpoint / "model.safetensors")
    return {name: tensor.tolist() for name, tensor in tensors.items()}


def test_the_seed_decides(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """The same seed gives the same weights, bit for bit; another gives others."""
    for name, seed in {"one": 1, "same": 1, "other": 2}.items():
        recipe = student_recipe(
            toy, teacher, training__seed=seed, training__epochs=1, model__dropout=0.1
        )
        run_recipe(recipe, tmp_path / name)
    one, same, other = (weights(tmp_path / name) for name in ("one", "same", "other"))
    assert one == same
    assert one != other


@pytest.mark.parametrize(("by", "greater_is_better"), [("accuracy", True), ("loss", False)])
def test_the_best_checkpoint_is_the_recipes(
    toy: Path, tmp_path: Path, by: str, greater_is_better: bool
) -> None:
    """By the highest accuracy on the validation texts, or the lowest loss."""
    arguments = trainer_arguments(
        teacher_recipe(toy, training__choose_by=by), tmp_path, rows=64, keep=True
    )
    assert arguments.metric_for_best_model == by
    assert arguments.greater_is_better is greater_is_better


def test_training_seeds_share_the_validation_texts(
    toy: Path, teacher: Path, tmp_path: Path
) -> None:
    """So that their scores can be compared, and the teacher's logits are those of the cache."""

    def held_out(**seeds: int) -> str:
        recipe = student_recipe(toy, teacher, **seeds)
        return prepare(recipe, tmp_path, keep=False).sets.choose.sha256

    assert held_out() == held_out(training__seed=14) != held_out(data__seed=14)


def test_a_small_test_set_is_scored_by_the_labels_of_train(
    toy: Path, teacher: Path, tmp_path: Path
) -> None:
    """A test set with one label only is scored, and its label is not taken for the first."""
    lines = (toy / "test.tsv").read_text().splitlines()
    kept = [lines[0], *(line for line in lines if line.endswith("positive"))]
    (tmp_path / "positive.tsv").write_text("\n".join(kept) + "\n")
    recipe = student_recipe(toy, teacher, data__test=str(tmp_path / "positive.tsv"))
    assert run_recipe(recipe, tmp_path / "student")["test"]["accuracy"] > 0.9


def test_existing_output_is_refused(toy: Path, tmp_path: Path) -> None:
    """Nothing is trained into a directory that is there."""
    (tmp_path / "output").mkdir()
    with pytest.raises(CheckpointError, match="output exists"):
        run_recipe(teacher_recipe(toy), tmp_path / "output")
    assert list((tmp_path / "output").iterdir()) == []


def test_unusable_runs_are_told_before_training(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """What cannot work is an error at the start, and leaves nothing behind."""
    other = tiny_encoder_checkpoint(tmp_path / "other", ("no", "yes"))
    absent = str(tmp_path / "absent.tsv")
    cases = [
        (teacher_recipe(toy, data__train=absent), DataError, "absent.tsv"),
        (teacher_recipe(toy, data__test=absent), DataError, "absent.tsv"),
        (teacher_recipe(toy, data__choose_size=400), DataError, "lower data.choose_size"),
        (teacher_recipe(toy, model__base=absent), CheckpointError, "absent.tsv"),
        (student_recipe(toy, tmp_path / "none"), CheckpointError, "none"),
        (student_recipe(toy, other), DataError, r"the model \['no', 'yes'\]"),
        (student_recipe(toy, teacher, model__embedding_size=33), RecipeError, "embedding_size"),
        (student_recipe(toy, teacher).model_copy(update={"distillation": None}), RecipeError, "t"),
    ]
    for recipe, error, message in cases:
        with pytest.raises(error, match=message):
            run_recipe(recipe, tmp_path / "output")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_killed_run_is_resumed(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """A run killed at its first checkpoint is refused, then resumed, and ends as one unkilled."""
    recipe = student_recipe(
        toy, teacher, training__epochs=6, training__learning_rate=5e-3, model__dropout=0.1
    )
    output, run = tmp_path / "student", tmp_path / "student.run"
    (tmp_path / "recipe.toml").write_text(recipe.to_toml())
    state = _killed_at_first_checkpoint(tmp_path / "recipe.toml", output, run)
    assert not output.exists()

    with pytest.raises(
        CheckpointError, match=r"unfinished run is at .*student\.run: pass --resume"
    ):
        run_recipe(recipe, output)
    # A checkpoint that the kill left half written is passed over.
    torn = run / "checkpoint-9999"
    torn.mkdir()
    shutil.copy(next(run.glob("checkpoint-*/config.json")), torn)

    resumed = run_recipe(recipe, output, resume=True)
    # Its log begins with the killed run's own, timings and all: it did not start afresh.
    assert resumed["log"][: len(state["log_history"])] == state["log_history"]
    whole = run_recipe(recipe, tmp_path / "whole")
    assert resumed["steps"] == whole["steps"] > state["global_step"]
    assert resumed["test"]["accuracy"] == pytest.approx(whole["test"]["accuracy"], abs=0.05)
    assert resumed["test"]["accuracy"] > 0.9
    assert not run.exists()


def _killed_at_first_checkpoint(recipe: Path, output: Path, run: Path) -> dict[str, Any]:
    """Starts `stillhouse distil`, kills it when it has saved; returns the state it had saved."""
    options = ["--recipe", str(recipe), "--output", str(output)]
    with subprocess.Popen(
        [sys.executable, "-m", "cli", "distil", *options],
        cwd=ROOT,
        env=os.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + 120
        # The second checkpoint's directory appears when the first is complete.
        while len(list(run.glob("checkpoint-*"))) < 2:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    complete = sorted(run.glob("checkpoint-*/trainer_state.json"), key=os.path.getmtime)
    state: dict[str, Any] = json.loads(complete[-1].read_text())
    return state


def test_resume_without_a_run_starts_one(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """`resume` where nothing is unfinished is an ordinary run, so a job can always pass it."""
    recipe = student_recipe(toy, teacher, training__epochs=1)
    metrics = run_recipe(recipe, tmp_path / "student", resume=True)
    assert metrics["steps"] == 22
