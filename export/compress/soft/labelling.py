"""Has a teacher label texts that have no labels, and keeps them as data that every stage reads."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from export.stages.engine import Workshop
from service.runtime.model import Input
from training.data.inputs import hashed
from training.data.labelled import LabelledText
from training.data.labels import map_of_model
from training.data.loading import load_labelled_text, of_pairs
from training.recipe.data import Data
from training.recipe.recipe import Recipe
from training.teach.teachers.store import Logits
from training.teach.teachers.teacher import Teacher

LABELLED = "labelled.jsonl"
Label = str | list[str] | float  # of a text, as a file of data has it


def labelled(
    texts: Sequence[Input], recipe: Recipe, teacher: Teacher, shop: Workshop, *, pairs: bool
) -> Recipe:
    """The recipe, reading texts with the labels that a teacher gives.

    A test set is read as its user says, before any work, and kept in the form of these texts.
    """
    test = _test_set(recipe.data, teacher, pairs=pairs)
    made = shop.stage(
        "label",
        f"the teacher labels {len(texts)} texts",
        {"teacher": teacher.fingerprint, "texts": hashed(texts)},
        lambda folder: _write(
            folder / LABELLED, texts, [_label(row, teacher) for row in teacher.logits(texts)]
        ),
    )
    names = {"text_column": "text", "label_column": "label", "labels": None, "config": None}
    second = {"text_pair_column": "text_pair" if pairs else None}
    read = {"train": str(made.folder / LABELLED), "train_split": None, **names, **second}
    if test is not None:
        kept = shop.stage(
            "test",
            f"keep {len(test)} texts of the test set",
            {"texts": test.sha256},
            lambda folder: _write(folder / LABELLED, test.texts, _labels_of(test)),
            part=True,
        )
        read |= {"test": str(kept.folder / LABELLED), "test_split": None}
    return recipe.model_copy(update={"data": recipe.data.model_copy(update=read)})


def _test_set(data: Data, teacher: Teacher, *, pairs: bool) -> LabelledText | None:
    if data.test is None:
        return None
    names = map_of_model(teacher.labels, data.labels)
    return load_labelled_text(
        data.test, of_pairs(data, pairs or None), "test", names, teacher.problem
    )


def _write(path: Path, texts: Sequence[Input], labels: Sequence[Label]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for text, label in zip(texts, labels, strict=True):
            both = {"text": text} if isinstance(text, str) else dataclasses.asdict(text)
            file.write(json.dumps({**both, "label": label}, ensure_ascii=False) + "\n")


def _labels_of(data: LabelledText) -> list[Label]:
    if data.problem == "regression" or (data.problem == "multi_label" and len(data.labels) == 1):
        return [float(target) for target in data.targets.reshape(-1)]
    if data.problem == "multi_label":
        return [[data.labels[place] for place in np.flatnonzero(row)] for row in data.targets]
    return [data.labels[int(target)] for target in data.targets]


def _label(logits: Logits, teacher: Teacher) -> Label:
    """What a teacher says of one text, as a file of data has it."""
    if teacher.problem == "regression":
        return float(logits[0])
    if teacher.problem == "multi_label":
        return [teacher.labels[place] for place in np.flatnonzero(logits > 0)]
    return teacher.labels[int(logits.argmax())]
