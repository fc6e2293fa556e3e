"""What each model of a chain says of the same texts, and whether it is right.

Right is what the labels say; of texts without labels, what the last model says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm.auto import tqdm

from export.errors import ExportError
from export.measure.comparison import decisions, truth
from export.measure.served import refuse_no_room, served_logits
from export.measure.tagged import served_taggings, spans_of
from service.errors import UnknownModel
from service.repository.editing import find, place_of
from service.repository.routes import parse_target
from service.repository.sources import ModelRepository
from service.runtime.model import Input, Pair
from service.runtime.tasks.classification import Classifier
from service.runtime.tasks.loading import load_model
from service.runtime.tasks.tokens import Tagger
from training.data.labelled import LabelledText
from training.data.tags.tagged import TaggedText, types_of
from training.data.texts import are_pairs

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
Texts = Sequence[str] | Sequence[Pair] | Sequence[Input]
Given = list[frozenset[Any]]  # of each text: labels by their place, or entities


@dataclass(frozen=True)
class Judged:
    """What each model of a chain said of the same texts.

    Attributes:
        confidence: (models, texts).
        right: (models, texts).
    """

    confidence: FloatArray
    right: BoolArray


def models_of(root: Path, chain: Sequence[str]) -> list[Classifier | Tagger]:
    """The models of a chain, each at the version that answers by its name.

    Args:
        chain: `name` or `name@version`.

    Raises:
        ExportError: one is not there, or the chain is too short.
        RepositoryError: one cannot be loaded.
    """
    try:
        targets = [parse_target(name) for name in chain]
        if len(chain) < 2 or len({target.name for target in targets}) != len(chain):
            raise ExportError(f"a chain needs two different models or more, not {list(chain)}")
        versions = ModelRepository(root).versions()
        if unknown := [target.name for target in targets if target.name not in versions]:
            raise ExportError(f"no model {unknown} in {root}: there are {sorted(versions)}")
        targets = [find(root, target) for target in targets]
    except UnknownModel as error:
        raise ExportError(str(error)) from error
    found: list[Classifier | Tagger] = []
    for target in targets:
        name = target.name
        one = load_model(place_of(root, target))
        if not isinstance(one, Classifier | Tagger):
            raise ExportError(
                f"{name} is an embedder, which is sure of nothing, so that no cascade can ask it "
                "before another: ask it by its name, and distil a smaller one where it is too slow "
                "(`stillhouse distil` with training/recipes/student-embedder.toml)"
            )
        found.append(one)
        if type(one) is not type(found[0]):
            raise ExportError(
                f"{name} is for {one.manifest.task}, and {chain[0]} for {found[0].manifest.task}"
            )
        if one.manifest.problem_type == "regression":
            raise ExportError(
                f"{one.manifest.name} gives a number, and is sure of nothing, so that no cascade "
                "can ask it before another: ask it by its name"
            )
    return found


def judge(models: Sequence[Classifier | Tagger], data: LabelledText | TaggedText | Texts) -> Judged:
    """Runs every model on every text; texts without labels are judged by the last model's.

    A tagger is right about a text where it finds all its entities, and none besides.

    Raises:
        ExportError: one gives other labels than the data's, or other than the last's, or reads
            other texts.
    """
    if isinstance(data, LabelledText | TaggedText):
        texts: Texts = data.texts
        like: LabelledText | TaggedText | Classifier | Tagger = data
    else:
        texts, like = data, models[-1]
    for model in models:
        _refuse_other(model, like)
        _refuse_inputs(model, texts)
    said = [_said(model, texts) for model in tqdm(models, desc="models")]
    true = _true(like) if isinstance(like, LabelledText | TaggedText) else said[-1][1]
    right = [[one == other for one, other in zip(given, true, strict=True)] for _, given in said]
    return Judged(np.stack([confidence for confidence, _ in said]), np.array(right))


def _said(model: Classifier | Tagger, texts: Texts) -> tuple[FloatArray, Given]:
    """How sure a model is of each text, and what it says of it."""
    if isinstance(model, Tagger):
        found = served_taggings(model, [text for text in texts if isinstance(text, str)])
        spans = spans_of([one.entities(model.manifest.labels) for one in found])
        sure = np.array([one.confidence for one in found], np.float64)
        return sure, [frozenset(one) for one in spans]
    logits = served_logits(model, texts)
    sure = model.confidence(model.probabilities(logits)).astype(np.float64)
    return sure, _sets(decisions(model, logits))


def _true(data: LabelledText | TaggedText) -> Given:
    if isinstance(data, TaggedText):
        return [frozenset(one) for one in data.spans]
    return _sets(truth(data))


def _sets(given: BoolArray) -> Given:
    return [frozenset(np.flatnonzero(row).tolist()) for row in given]


def _refuse_other(
    model: Classifier | Tagger, than: LabelledText | TaggedText | Classifier | Tagger
) -> None:
    """Raises ExportError unless a model gives the labels that the data has, or another model."""
    if isinstance(than, LabelledText | TaggedText):
        problem, labels, whose = than.problem, than.labels, "the texts have"
    else:
        manifest = than.manifest
        problem = "tags" if isinstance(than, Tagger) else manifest.problem_type
        labels, whose = manifest.labels, f"{manifest.name} gives"
    name, ours = model.manifest.name, model.manifest.labels
    if isinstance(model, Tagger):
        if set(types_of(ours)) != set(types_of(labels)):
            raise ExportError(
                f"{name} finds {list(types_of(ours))}, {whose} {list(types_of(labels))}: say "
                "with --labels IN_FILE=SERVED which is which"
            )
        return
    if (model.manifest.problem_type, ours) != (problem, labels):
        raise ExportError(
            f"{name} gives {list(ours)} ({model.manifest.problem_type}), {whose} {list(labels)} "
            f"({problem}): say with --labels IN_FILE=SERVED which is which"
        )


def _refuse_inputs(model: Classifier | Tagger, texts: Texts) -> None:
    pairs = are_pairs(texts)
    if model.manifest.pairs != pairs:
        kinds = ("single texts", "pairs of texts")
        raise ExportError(
            f"{model.manifest.name} reads {kinds[model.manifest.pairs]}, and these are "
            f"{kinds[pairs]}"
        )
    refuse_no_room(model.manifest.name, model.tokenizer, texts, model.manifest.windows)
