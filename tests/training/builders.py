"""Recipes that train the tiny models in about a second."""

from pathlib import Path
from typing import Any

from training.recipe.recipe import Recipe, parse_recipe

TEACHER: dict[str, Any] = {
    "name": "tiny-teacher",
    "data": {"choose_size": 60, "fit_size": 2, "measure_size": 1, "max_length": 32},
    "model": {"architecture": "encoder", "dropout": 0.0},
    "training": {"epochs": 4, "batch_size": 16, "learning_rate": 3e-3, "seed": 13},
}
STUDENT: dict[str, Any] = {
    "name": "tiny-student",
    "data": {"choose_size": 60, "fit_size": 2, "measure_size": 1, "max_length": 32},
    "model": {
        "architecture": "bilstm",
        "embedding_size": 16,
        "hidden_size": 24,
        "layers": 1,
        "dropout": 0.0,
    },
    "training": {"epochs": 3, "batch_size": 16, "learning_rate": 1e-2, "seed": 13},
    "distillation": {"alpha": 0.5, "temperature": 2.0, "label_precision": "fp32"},
}


def changed(values: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """`values` with changes such as `training__epochs=1`, which may add a section."""
    result = {
        key: dict(value) if isinstance(value, dict) else value for key, value in values.items()
    }
    for path, value in changes.items():
        *parents, leaf = path.split("__")
        section = result
        for parent in parents:
            section = section.setdefault(parent, {})
        section[leaf] = value
    return result


def teacher_recipe(toy: Path, **changes: Any) -> Recipe:
    """Trains the tiny encoder at `toy/base` on `toy/train.tsv`."""
    paths = {
        "data__train": str(toy / "train.tsv"),
        "data__test": str(toy / "test.tsv"),
        "model__base": str(toy / "base"),
    }
    return parse_recipe(changed(TEACHER, **{**paths, **changes}), "teacher")


def student_recipe(toy: Path, teacher: Path, **changes: Any) -> Recipe:
    """Distils a Bi-LSTM from `teacher` on `toy/train.tsv`."""
    paths = {
        "data__train": str(toy / "train.tsv"),
        "data__test": str(toy / "test.tsv"),
        "distillation__teacher": str(teacher),
    }
    return parse_recipe(changed(STUDENT, **{**paths, **changes}), "student")


def encoder_recipe(toy: Path, *teachers: Path, **changes: Any) -> Recipe:
    """Distils an encoder from `teachers`, starting from the first one unless changed."""
    named = [str(teacher) for teacher in teachers]
    paths = {
        "data__train": str(toy / "train.tsv"),
        "data__test": str(toy / "test.tsv"),
        "distillation__teacher": named if len(named) > 1 else named[0],
        "distillation__label_precision": "fp32",
    }
    return parse_recipe(changed(TEACHER, **{**paths, **changes}), "encoder")
