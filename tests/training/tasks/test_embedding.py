"""Embedders distilled from end to end, on toy texts with tiny models."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.embedders import tiny_embedder
from tests.tiny import word_hub_tokenizer
from training.errors import RecipeError
from training.models.checkpoints.checkpoint import load_checkpoint
from training.models.students.bilstm import BiLstmEmbeddingModel
from training.models.students.nano import NanoEmbeddingModel
from training.recipe.models import BiLstmModel
from training.recipe.recipe import Recipe, load_recipe, parse_recipe
from training.score.told import line
from training.tasks.run import run_recipe

PROMPTS = {"prompts": {"query": "good ", "passage": "bad "}, "default_prompt_name": "passage"}


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random embedder with prompts; not to be changed."""
    return tiny_embedder(tmp_path_factory.mktemp("embedder"), "mean", stated=PROMPTS)


def recipe(toy: Path, embedder: Path, **changes: Any) -> Recipe:
    """Distils a Bi-LSTM from `embedder`; changes by section."""
    values: dict[str, Any] = {
        "name": "tiny-embedder",
        "data": {
            "train": str(toy / "train.tsv"),
            "test": str(toy / "test.tsv"),
            "choose_size": 40,
            "fit_size": 2,
            "max_length": 32,
        },
        "model": {
            "architecture": "bilstm",
            "embedding_size": 16,
            "hidden_size": 24,
            "dropout": 0.0,
        },
        "training": {"epochs": 6, "batch_size": 16, "learning_rate": 1e-2},
        "distillation": {"teacher": str(embedder), "label_precision": "fp32"},
    }
    for name, change in changes.items():
        values[name] = change if isinstance(change, str) else {**values[name], **change}
    return parse_recipe(values, "embedder")


def test_a_bilstm_learns_its_teachers_vectors(toy: Path, embedder: Path, tmp_path: Path) -> None:
    """The task is the teacher's; its prompts are the student's; what is told has both."""
    metrics = run_recipe(recipe(toy, embedder), tmp_path / "student")
    assert metrics["validation"]["cosine"] > 0.9
    test = metrics["test"]
    assert test["n"] == 200
    assert test["neighbours_kept"] > 6 / 199  # six times what chance keeps
    assert test["neighbours_low"] <= test["neighbours"] <= test["neighbours_high"]
    assert "nearest text of the same label" in line(test)
    assert "label" not in line(metrics["validation"])
    losses = [one["eval_loss"] for one in metrics["log"] if "eval_loss" in one]
    assert losses[-1] < losses[0] / 2
    student = load_checkpoint(str(tmp_path / "student"))
    assert isinstance(student.model, BiLstmEmbeddingModel)
    assert student.task == "feature-extraction"
    assert student.embedding.prompts == PROMPTS["prompts"]
    assert student.embedding.prompted(["film"]) == ["bad film"]
    assert json.loads((tmp_path / "student" / "metrics.json").read_text())["teacher_sha256"]


def test_a_nano_may_give_shorter_vectors(toy: Path, embedder: Path, tmp_path: Path) -> None:
    """It learns the directions in which the teacher's differ most."""
    model = {
        "architecture": "nano",
        "embedding_size": 16,
        "filters": 24,
        "sentence_size": 6,
        "dropout": 0.0,
    }
    values = recipe(toy, embedder).model_dump(exclude_none=True)
    found = parse_recipe({**values, "model": model}, "nano")
    metrics = run_recipe(found, tmp_path / "student")
    student = load_checkpoint(str(tmp_path / "student"))
    assert isinstance(student.model, NanoEmbeddingModel)
    assert student.model.config.embedding_dimension == 6
    assert metrics["validation"]["cosine"] > 0.8


def test_layers_of_the_teacher_stay_readable_by_others(
    toy: Path, embedder: Path, tmp_path: Path
) -> None:
    """A shallower encoder with sentence-transformers' files beside it."""
    values = recipe(toy, embedder, training={"learning_rate": 1e-3, "epochs": 2}).model_dump(
        exclude_none=True
    )
    model = {"architecture": "encoder", "layers": [1], "dropout": 0.0}
    metrics = run_recipe(parse_recipe({**values, "model": model}, "layers"), tmp_path / "student")
    assert metrics["validation"]["cosine"] > 0.8
    student = load_checkpoint(str(tmp_path / "student"))
    assert student.model.config.num_hidden_layers == 1
    assert student.embedding.stated
    assert student.embedding.prompts == PROMPTS["prompts"]
    assert (tmp_path / "student" / "1_Pooling" / "config.json").is_file()


@pytest.mark.parametrize(
    "model",
    [
        {"architecture": "encoder", "width": 16, "depth": 1, "heads": 4, "dropout": 0.0},
        {"architecture": "encoder", "depth": 0.5, "dropout": 0.0},
        {"architecture": "bilstm", "embedding_size": 16, "hidden_size": 24, "dropout": 0.0},
    ],
    ids=["narrow", "shallow", "bilstm"],
)
def test_a_general_student_learns_from_inside_its_teacher(
    model: dict[str, Any], toy: Path, embedder: Path, tmp_path: Path
) -> None:
    """Hidden states by a projection, relations of attention, and then a task's student of it."""
    losses = {"similarity": 1.0, "hidden": 1.0}
    if model["architecture"] == "encoder":
        losses["attention"] = 1.0
    changes = {"training": {"epochs": 2}, "distillation": {"losses": losses}}
    values = recipe(toy, embedder, **changes).model_dump(exclude_none=True)
    metrics = run_recipe(parse_recipe({**values, "model": model}, "general"), tmp_path / "general")
    lost = [step["eval_loss"] for step in metrics["log"] if "eval_loss" in step]
    assert lost[-1] < 0.9 * lost[0]
    student = load_checkpoint(str(tmp_path / "general"))
    assert not [name for name in student.model.state_dict() if "white_box" in name]
    written = load_recipe(tmp_path / "general" / "recipe.toml").model
    assert student.model.config.num_hidden_layers == 1
    assert getattr(written, "layers", None) == ((1,) if model.get("depth") == 0.5 else None) or (
        isinstance(written, BiLstmModel)
    )


def test_other_tokens_are_told(toy: Path, embedder: Path, tmp_path: Path) -> None:
    """Losses on hidden states compare token with token."""
    (tmp_path / "other").mkdir()
    tiny_embedder(tmp_path / "other", "mean")
    word_hub_tokenizer().save_pretrained(tmp_path / "other")
    values = recipe(toy, embedder, distillation={"losses": {"hidden": 1.0}})
    other = {"architecture": "encoder", "base": str(tmp_path / "other")}
    values = parse_recipe({**values.model_dump(exclude_none=True), "model": other}, "other")
    with pytest.raises(RecipeError, match=r"losses\.hidden compares token with token"):
        run_recipe(values, tmp_path / "student")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"distillation": {"losses": {"kl": 1.0}}},
            "losses.cosine, similarity, hidden, attention, masked, masked_kl: the others",
        ),
        ({"distillation": {"augmentation": {"copies": 1}}}, "augmentation"),
        ({"training": {"choose_by": "accuracy"}}, "chosen by its loss"),
        ({"model": {"sentence_size": 64}}, "vectors have 64 numbers and the teacher's 32"),
    ],
)
def test_what_is_of_classifiers_is_refused(
    changes: dict[str, Any], words: str, toy: Path, embedder: Path, tmp_path: Path
) -> None:
    """Before anything long."""
    with pytest.raises(RecipeError, match=words):
        run_recipe(recipe(toy, embedder, **changes), tmp_path / "student")


def test_similarity_is_no_loss_of_classifiers(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """It is said instead of being left out."""
    found = recipe(toy, teacher, distillation={"losses": {"similarity": 1.0}})
    with pytest.raises(RecipeError, match=r"losses.similarity is of embedders"):
        run_recipe(found, tmp_path / "student")


def test_an_embedder_needs_a_teacher(toy: Path, embedder: Path, tmp_path: Path) -> None:
    """There are no labels to learn from."""
    values = recipe(toy, embedder).model_dump(exclude_none=True)
    del values["distillation"]
    values |= {
        "task": "feature-extraction",
        "model": {"architecture": "encoder", "base": str(embedder)},
    }
    with pytest.raises(RecipeError, match="an embedder learns from another"):
        run_recipe(parse_recipe(values, "alone"), tmp_path / "student")
