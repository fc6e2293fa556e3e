"""Texts labelled by whoever scores labels: few labelled texts choose how, and all is kept.

What was scored is kept text by text, so that a run that was stopped goes on. Knows no models and
no files.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from tqdm.auto import tqdm

from service.runtime.model import Input
from training.data.inputs import even, spelt
from training.data.labelled import LabelledText
from training.label.calibration import Calibration, Trial, Way, calibrations, chosen, tried
from training.label.prompt import Shot
from training.teach.teachers.store import Logits, LogitStore, text_key
from training.teach.teachers.teacher import remembered_rows
from training.telling import tell

CHUNK = 64  # texts that are scored before they are kept: what a killed run may lose


class LabelScorer(Protocol):
    """Whoever says how likely each label of a text is.

    Attributes:
        name: as a user named it.
        fingerprint: of all that its scores depend on.
        lengths: tokens of each label's word.
    """

    @property
    def name(self) -> str: ...  # noqa: D102  the class says it

    @property
    def fingerprint(self) -> str: ...  # noqa: D102

    @property
    def lengths(self) -> list[int]: ...  # noqa: D102

    def scores(self, texts: Sequence[Input], bar: "tqdm[None] | None" = None) -> Logits:
        """Log-probabilities of each label's word, (texts, labels)."""

    def content_free(self) -> Logits:
        """Those of inputs that say nothing, (inputs, labels)."""


@dataclass(frozen=True)
class Labelling:
    """What was said of texts, and how good it is where that is known.

    Attributes:
        texts: that were labelled, blanks made even.
        probabilities: (texts, labels).
        calibration: that was chosen.
        few: every calibration on the few labelled texts; none without them.
        test: every calibration on the test texts; none without them.
    """

    texts: Sequence[Input]
    probabilities: npt.NDArray[np.floating]
    calibration: Calibration
    few: tuple[Trial, ...]
    test: tuple[Trial, ...]


def label_texts(
    scorer: LabelScorer,
    texts: Sequence[Input],
    few: LabelledText | None,
    test: LabelledText | None,
    way: Way | None,
) -> Labelling:
    """Labels texts.

    Args:
        few: labelled texts that choose the calibration and its temperature; None: `way` says it.
        test: labelled texts that are scored by every calibration, and choose nothing.
        way: the calibration; None: the one that `few` speaks for.

    Raises:
        DataError: see `training.label.calibration.chosen`; and what the scorer raises.
    """
    free = scorer.content_free()  # first: where the words cannot be told apart, it fails here
    scores = kept_scores(scorer, texts)
    of_few, few_targets = _scored(scorer, few)
    of_test, test_targets = _scored(scorer, test)
    found = calibrations(scorer.lengths, free, scores)
    calibration = chosen(found, way, of_few, few_targets)
    return Labelling(
        texts,
        np.exp(calibration.log_probabilities(scores)),
        calibration,
        tuple(tried(one, of_few, few_targets) for one in found) if len(few_targets) else (),
        tuple(tried(one, of_test, test_targets) for one in found) if len(test_targets) else (),
    )


def kept_scores(scorer: LabelScorer, texts: Sequence[Input]) -> Logits:
    """The scores of texts, of which those that are kept are not asked for again."""
    return remembered_rows(scorer, len(scorer.lengths), texts, scorer.scores, CHUNK)


def unscored(scorer: LabelScorer, texts: Sequence[Input]) -> list[Input]:
    """The texts whose scores are not kept, each once."""
    keys = {text_key(text): text for text in texts}
    known = LogitStore(scorer.fingerprint).known(list(keys))
    return [text for key, text in keys.items() if key not in known]


def distinct(texts: Sequence[Input], without: Sequence[Input] = ()) -> list[Input]:
    """Each text once, its blanks made even; those of `without` are left out."""
    taken = {spelt(even(text)) for text in without}
    found = {spelt(even(text)): even(text) for text in texts}
    return [text for key, text in found.items() if key not in taken]


def split_few(
    few: LabelledText, shots: int, words: Sequence[str]
) -> tuple[tuple[Shot, ...], LabelledText]:
    """Few labelled texts, of which each has one use: example, or choosing the calibration.

    The examples are the first texts of each label in turn.

    Args:
        shots: examples that are wanted.
        words: of the labels.
    """
    by_label = [np.flatnonzero(few.targets == place).tolist() for place in range(len(few.labels))]
    turns = [rows[turn] for turn in range(len(few)) for rows in by_label if turn < len(rows)]
    taken = turns[:shots]
    left = [row for row in range(len(few)) if row not in set(taken)]
    examples = tuple(Shot(even(few.texts[row]), words[int(few.targets[row])]) for row in taken)
    return examples, few.select(left)


def outside(test: LabelledText, few: LabelledText) -> LabelledText:
    """The test texts that are not among the few."""
    known = {spelt(even(text)) for text in few.texts}
    rows = [row for row, text in enumerate(test.texts) if spelt(even(text)) not in known]
    if len(rows) < len(test):
        tell(f"{len(test) - len(rows)} test texts are among the few, and are left out of the test")
    return test.select(rows)


def _scored(scorer: LabelScorer, data: LabelledText | None) -> tuple[Logits, npt.NDArray[np.int64]]:
    if data is None or not len(data):
        return np.empty((0, len(scorer.lengths)), np.float32), np.empty(0, np.int64)
    return kept_scores(scorer, data.texts), data.targets
