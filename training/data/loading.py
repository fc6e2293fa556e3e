"""Reads what a recipe names: labelled sets, and texts alone.

Empty texts are left out and counted; a label is what the map of labels says it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from training.data.labelled import LabelledText, unlabelled
from training.data.labels import LabelMap, map_of_data, map_of_model, targets_of
from training.data.sources.columns import Wanted
from training.data.sources.raw import MISSING, Raw
from training.data.sources.sources import TEST_SPLITS, TRAIN_SPLITS, read_source
from training.data.sources.values import plain, problem_of_values
from training.data.splitting.splits import Split, split
from training.data.texts import Inputs, column_of
from training.errors import DataError
from training.problem import ProblemType
from training.recipe.data import Data
from training.telling import tell

Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sets:
    """What a recipe names, with one map for all of its labels."""

    train: LabelledText
    test: LabelledText | None
    labels: LabelMap


def load_split(
    data: Data,
    names: Sequence[str] | None = None,
    problem: ProblemType | None = None,
    pairs: bool | None = None,
) -> Split:
    """Reads the sets of a recipe and splits them.

    Args:
        names: a teacher's label names, in the order of its logits; None: the data's own.
        problem: a teacher's; None: what the recipe says, or the labels themselves.
        pairs: whether a teacher reads pairs; None: what the recipe says, or the columns.

    Raises:
        DataError: a source, a column or a label cannot be used, or there are too few texts.
    """
    sets = load_sets(data, names, problem, pairs)
    return split(sets.train, sets.test, data)


def load_sets(
    data: Data,
    names: Sequence[str] | None = None,
    problem: ProblemType | None = None,
    pairs: bool | None = None,
) -> Sets:
    """Reads the sets of a recipe; see `load_split`."""
    data = of_pairs(data, pairs)
    train, labels = _load(data.train_source, data, "train", _map(names, data), problem)
    test = None
    if data.test is not None:
        alike = data.model_copy(update={"pairs": train.pairs})
        test = load_labelled_text(data.test, alike, "test", labels, train.problem)
    return Sets(train, test, labels)


def load_labelled_text(
    source: str,
    data: Data,
    split: str = "train",
    labels: LabelMap | None = None,
    problem: ProblemType | None = None,
) -> LabelledText:
    """Reads a labelled set.

    Args:
        source: see `training.data.sources.sources`.
        data: config, splits, columns and labels.
        split: of a set of the hub; "train" and "test" are those that `data` says.
        labels: what the labels are called; None: what `data.labels` says, or the set itself.
        problem: what the labels are of; None: what `data` says, or the labels themselves.

    Raises:
        DataError: the source, a column or a label cannot be used.
    """
    return _load(source, data, split, labels, problem)[0]


def load_beside(
    source: str,
    data: Data,
    column: str,
    split: str = "test",
    labels: LabelMap | None = None,
    problem: ProblemType | None = None,
) -> tuple[LabelledText, list[str]]:
    """Reads a labelled set, and one more of its columns row by row; a gap is an empty string.

    Raises:
        DataError: as `load_labelled_text`.
    """
    raw = _read(source, data, split, labelled=True, beside=column)
    assert raw.beside is not None
    found = _labelled(source, raw, data, labels, problem)[0]
    taken = raw.beside.take(pa.array(_rows(source, raw)))
    values = ["" if value is None else value for value in taken.to_pylist()]
    return found, values


def load_perhaps_labelled(source: str, data: Data, split: str = "train") -> LabelledText:
    """Reads texts, with their labels where there is a column of them.

    Raises:
        DataError: as `load_labelled_text`.
    """
    raw = _read(source, data, split, labelled=None)
    if raw.codes is None:
        return unlabelled(_texts(raw, _rows(source, raw)), ())
    return _labelled(source, raw, data, None, None)[0]


def load_texts(source: str, data: Data, split: str = "train") -> Inputs:
    """Reads texts or pairs of them; labels are not looked at, and need not be there.

    Raises:
        DataError: the source or its column of text cannot be used.
    """
    raw = _read(source, data, split, labelled=False)
    return _texts(raw, _rows(source, raw))


def of_pairs(data: Data, pairs: bool | None) -> Data:
    """How data is read for a model that reads pairs, or single texts; None: as `data` says.

    Raises:
        DataError: `data` says that it is the other.
    """
    if pairs is None or data.pairs == pairs:
        return data
    if data.pairs is not None:
        raise DataError(
            f"data.pairs is {str(data.pairs).lower()}, and the model reads "
            f"{'pairs' if pairs else 'single texts'}: leave it out (--pairs, --single)"
        )
    return data.model_copy(update={"pairs": pairs})


def _map(names: Sequence[str] | None, data: Data) -> LabelMap | None:
    return None if names is None else map_of_model(names, data.labels)


def _load(
    source: str, data: Data, split: str, labels: LabelMap | None, problem: ProblemType | None
) -> tuple[LabelledText, LabelMap]:
    return _labelled(source, _read(source, data, split, labelled=True), data, labels, problem)


def _labelled(
    source: str, raw: Raw, data: Data, labels: LabelMap | None, problem: ProblemType | None
) -> tuple[LabelledText, LabelMap]:
    assert raw.codes is not None
    rows = _rows(source, raw)
    missing = rows[raw.codes[rows] == MISSING]
    if len(missing):
        raise DataError(
            f"{source}: no label in {len(missing)} rows, the first is row {missing[0] + 1}: fill "
            "them or take them out (a set of the hub may withhold a split's labels)"
        )
    raw = raw.labels_of(rows)
    if problem is not None and data.kind not in (None, problem):
        raise DataError(f"data.problem is {data.problem}, and the teacher's is {problem}")
    problem = problem or data.kind or _found_problem(source, raw, data)
    if data.problem == "relevance":
        if labels is not None and len(labels.names) > 1:
            raise DataError(
                f"data.problem is relevance, which is one logit, and the teacher has the labels "
                f"{list(labels.names)}: leave data.problem out"
            )
        labels = labels or LabelMap(data.named or (), data.labels or {})
    if labels is None:
        labels = map_of_data(source, raw, problem, data.labels)
    labels = replace(labels, classes=raw.classes)
    targets = targets_of(source, raw, labels, problem)
    return LabelledText(_texts(raw, rows), targets, labels.names, problem), labels


def _found_problem(source: str, raw: Raw, data: Data) -> ProblemType:
    values = plain(source, raw.values)
    found = problem_of_values(source, values)
    return "single_label" if found == "regression" and data.labels else found


def _read(
    source: str, data: Data, split: str, *, labelled: bool | None, beside: str | None = None
) -> Raw:
    given = {"train": data.train_split, "test": data.test_split}.get(split, split)
    usual = TRAIN_SPLITS if split == "train" else TEST_SPLITS
    wanted = Wanted(
        data.text_column,
        data.label_column,
        labelled,
        beside,
        text_pair=data.text_pair_column,
        pairs=data.pairs,
    )
    splits = usual if given is None else (given,)
    return read_source(source, wanted, config=data.config, splits=splits)


def _texts(raw: Raw, rows: Places) -> Inputs:
    column = column_of(raw.texts, raw.text_pairs)
    return column if len(rows) == len(column) else column.select(rows)


def _rows(source: str, raw: Raw) -> Places:
    """The rows whose texts have something in them; the others are counted."""
    rows = column_of(raw.texts, raw.text_pairs).with_something()
    empty = len(raw.texts) - len(rows)
    what = "texts are empty" if raw.text_pairs is None else "pairs are without one of their texts"
    if not len(rows):
        raise DataError(f"{source}: " + (f"all of its {empty} {what}" if empty else "no rows"))
    if empty:
        tell(f"{source}: {empty} of {len(raw.texts)} {what}, and are left out")
    return rows
