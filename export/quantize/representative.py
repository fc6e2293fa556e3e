"""Texts that a published model is fitted with: its temperature, thresholds and INT8 ranges.

Never those that it is then measured on.
"""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from export.errors import ExportError
from service.runtime.model import Input
from training.data.inputs import spelt
from training.data.labelled import LabelledText
from training.data.labels import LabelMap
from training.data.loading import load_labelled_text, load_split, load_texts
from training.data.splitting.overlap import HeldOut
from training.data.splitting.recorded import changed
from training.data.tags.tagged import TaggedText
from training.errors import DataError
from training.problem import ProblemType
from training.recipe.data import Data
from training.recipe.recipe import Recipe

MOST = 500
SEED = 13
Fit = TypeVar("Fit", LabelledText, TaggedText)


def fitting_texts(
    source: str | None,
    recipe: Recipe | None,
    columns: Data,
    measured: Collection[Input],
    say: Callable[[str], None],
    labels: LabelMap | None = None,
    problem: ProblemType | None = None,
    record: Mapping[str, Any] | None = None,
) -> LabelledText | None:
    """Labelled texts to fit on, none of which is measured on; None: there are none.

    Args:
        source: a file or hub id; None: the texts that the recipe held out to fit on.
        columns: names of columns and labels.
        measured: texts that may not be used.
        say: told where the recipe's cannot be had, and where it taught what is measured on.
        labels: what the model calls its labels; None: what the texts do.
        problem: of the model.
        record: the metrics of its training; None: there are none.

    Raises:
        DataError: `source` cannot be read.
        ExportError: all its texts are measured on.
    """

    def held_out(recipe: Recipe) -> tuple[LabelledText, LabelledText]:
        parts = load_split(recipe.data, labels.names if labels else None, problem, columns.pairs)
        return parts.train, parts.fit

    return fitting(
        source,
        recipe,
        measured,
        say,
        lambda name: load_labelled_text(name, columns, "test", labels, problem),
        held_out,
        record,
    )


def fitting(
    source: str | None,
    recipe: Recipe | None,
    measured: Collection[Input],
    say: Callable[[str], None],
    read: Callable[[str], Fit],
    held_out: Callable[[Recipe], tuple[Fit, Fit]],
    record: Mapping[str, Any] | None = None,
) -> Fit | None:
    """Labelled texts of any task to fit on; see `fitting_texts`.

    What a recipe holds out now is not fitted on where its file has changed since it was run.

    Args:
        read: a file or hub set.
        held_out: what a recipe learnt from, and what it held out to fit on.
    """
    if source is not None:
        found = read(source)
    elif recipe is None:
        say("no temperature is fitted: --fit names labelled texts that nothing else uses")
        return None
    else:
        try:
            learnt, found = held_out(recipe)
        except DataError as error:
            say(f"no temperature is fitted: {error}; --fit names labelled texts for it")
            return None
        if other := changed(record or {}, {"train": learnt, "fit": found}):
            say(
                f"no temperature is fitted: {recipe.data.train} is not what the checkpoint was "
                f"trained on: its metrics.json has other texts as {' and '.join(other)}, so that "
                "it may have learnt what is held out now, and what is measured on; --fit names "
                "labelled texts for it that it has not seen"
            )
            return None
        if seen := int(HeldOut(learnt.texts).equal(list(measured)).sum()):
            say(
                f"WARNING: {seen} of {len(measured)} texts to measure on are among those that the "
                "checkpoint was trained on: its scores are better than on new ones"
            )
    return unmeasured(found, measured, source)


def unmeasured(found: Fit, measured: Collection[Input], source: str | None) -> Fit:
    """Those texts that are not measured on.

    Raises:
        ExportError: there are none.
    """
    kept = np.flatnonzero(~HeldOut(list(measured)).equal(found.texts))
    if not len(kept):
        raise ExportError(
            f"{source or 'what the recipe held out'}: all its texts are in --data too: fit on "
            "others than you measure on"
        )
    return found.select(kept)


def representative_texts(
    source: str | None, fitting: LabelledText | None, columns: Data, measured: Collection[Input]
) -> list[Input]:
    """Draws up to `MOST` different texts to take INT8's ranges of.

    Args:
        source: a file or hub id; None: those of `fitting`.
        fitting: as `fitting_texts` gave them.
        columns: names of columns.
        measured: texts that may not be used.

    Raises:
        ExportError: there are none.
    """
    try:
        texts: Sequence[Input] = fitting.texts if fitting else ()
        if source:
            texts = load_texts(source, columns)
    except DataError as error:
        raise ExportError(f"no texts to calibrate on: {error}; give some with --calibration") from (
            error
        )
    if not texts:
        raise ExportError(
            "no texts to calibrate on: give some with --calibration, or take --activations dynamic"
        )
    taken = HeldOut(list(measured)).equal(texts)
    left = {text for text, is_taken in zip(texts, taken, strict=True) if not is_taken}
    found = sorted(left, key=spelt)
    if not found:
        raise ExportError(
            f"{source}: all its texts are in --data too: calibrate on others than you measure on"
        )
    return random.Random(SEED).sample(found, min(MOST, len(found)))  # noqa: S311  no secret
