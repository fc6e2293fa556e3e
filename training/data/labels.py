"""Labels as a file has them, and as a model calls them.

A label is matched by its name, case and blanks aside; an integer, and LABEL_n, is an index into
the model's names; anything else is said by `--labels IN_FILE=SERVED`. One map is made for a run,
of its teacher's names or of its training data, and reads all of its files.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from training.data.sources.raw import One, Raw, Value
from training.data.sources.values import as_index, as_number, plain
from training.errors import DataError
from training.problem import ProblemType
from training.telling import tell

GENERIC = re.compile(r"label_(\d+)", re.IGNORECASE)
LEADING_NUMBER = re.compile(r"-?\d+")
BOOLEANS = ("false", "true")  # "True" in a table is what JSON's true is
SCORE = "score"  # what a regression's one output is called where nobody named it


@dataclass(frozen=True)
class LabelMap:
    """What each label of a file is called by a model.

    Attributes:
        names: in the order of the logits.
        pairs: label in the file -> one of `names`, as a user said.
        classes: the file's own names in the order of their integers, where it has some.
    """

    names: tuple[str, ...]
    pairs: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        wrong = [name for name in self.pairs.values() if self._named(name) is None]
        if wrong:
            raise DataError(
                f"--labels calls labels {sorted(set(wrong))}; the model's are {list(self.names)}"
            )

    def place(self, value: One) -> int | None:
        """The index of a label; None where it is not known which it is."""
        said = self._said(value)
        if said is not None:
            return said
        named = self._named(str(value))
        if named is not None:
            return named
        index = self._index(value)
        return index if index is not None and 0 <= index < len(self.names) else None

    def _said(self, value: One) -> int | None:
        name = self.pairs.get(str(value))
        if name is None:
            folded = {_folded(key): name for key, name in self.pairs.items()}
            name = folded.get(_folded(str(value)))
        return None if name is None else self._named(name)

    def _named(self, name: str) -> int | None:
        if name in self.names:
            return self.names.index(name)
        same = [place for place, one in enumerate(self.names) if _folded(one) == _folded(name)]
        return same[0] if len(same) == 1 else None

    def _index(self, value: One) -> int | None:
        """An integer's or LABEL_n's index; of a class, its own where the model's say nothing."""
        generic = GENERIC.fullmatch(str(value).strip())
        if generic is not None:
            return int(generic[1])
        if self.classes is not None and value in self.classes:
            return self.classes.index(str(value)) if _generic(self.names) else None
        found = as_index(value)
        if found is None and _folded(str(value)) in BOOLEANS and len(self.names) == 2:
            found = BOOLEANS.index(_folded(str(value)))
        return None if found is None or self._own_numbers() else found

    def _own_numbers(self) -> bool:
        """Whether names such as "1 star" have numbers that are not their places."""
        numbers = [LEADING_NUMBER.match(name) for name in self.names]
        return any(
            number is not None and int(number[0]) != place for place, number in enumerate(numbers)
        )


def map_of_model(names: Sequence[str], pairs: Mapping[str, str] | None = None) -> LabelMap:
    """The map for data that a model of these label names reads.

    Raises:
        DataError: a pair names a label that the model has not.
    """
    return LabelMap(tuple(names), pairs or {})


def map_of_data(
    source: str, raw: Raw, problem: ProblemType, pairs: Mapping[str, str] | None = None
) -> LabelMap:
    """The map that training data makes for itself: its own names, or those that a user gives.

    The order is the pairs', where they name all labels, else the classes' of the file, else that
    of the numbers or the alphabet. Names that differ by case or blanks alone are one label.

    Raises:
        DataError: there are fewer than two labels, or a pair is of none.
    """
    if problem == "regression":
        return LabelMap((SCORE,))
    own = raw.classes if raw.classes is not None else _own(source, raw)
    names = _renamed(source, own, pairs) if pairs else own
    if len(names) < 2 and problem != "multi_label":
        why = f"--labels calls all of {list(own)}" if len(own) > 1 else "it has only one label,"
        raise DataError(f"{source}: {why} {names[0]!r}: two are needed")
    return LabelMap(names, pairs or {}, raw.classes)


def _own(source: str, raw: Raw) -> tuple[str, ...]:
    """The names that a file has; of those that are one label, the one that most rows have."""
    assert raw.codes is not None
    values = plain(source, raw.values)
    counts = np.bincount(raw.codes[raw.codes >= 0], minlength=len(values))
    rows: dict[str, dict[str, int]] = {}
    for value, n in zip(values, counts.tolist(), strict=True):
        for part in parts_of(value):
            spelt = rows.setdefault(_folded(str(part)), {})
            spelt[str(part)] = spelt.get(str(part), 0) + n
    names = []
    for spelt in rows.values():
        names.append(max(sorted(spelt), key=spelt.__getitem__))
        if len(spelt) > 1:
            told = " and ".join(map(repr, sorted(spelt)))
            tell(f"{source}: {told} are one label, {names[-1]!r}: case does not count")
    return _ordered(names)


def _renamed(source: str, own: Sequence[str], pairs: Mapping[str, str]) -> tuple[str, ...]:
    """What labels are called where a user says it, of some of them or of all.

    Raises:
        DataError: it is said of some, and of one that the file has not.
    """
    named = tuple(dict.fromkeys(pairs.values()))  # two labels of a file may be served as one
    served = {_folded(key): name for key, name in pairs.items()}
    there = set(map(_folded, own))
    known = served.keys() | set(map(_folded, named))
    if there <= known or not there & served.keys():  # these may be indices into the names
        return named
    if absent := [key for key in pairs if _folded(key) not in there]:
        raise DataError(
            f"{source} has no label {absent[0]!r}, of which --labels says what it is called: its "
            f"labels are {list(own)}: give --labels for those, or for each of them"
        )
    return tuple(dict.fromkeys(served.get(_folded(name), name) for name in own))


def targets_of(
    source: str, raw: Raw, labels: LabelMap, problem: ProblemType
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64 | np.float32]]:
    """What the rows' labels say, as `LabelledText` holds it.

    Raises:
        DataError: a label cannot be read; with both lists of names.
    """
    assert raw.codes is not None
    values = plain(source, raw.values)
    if problem == "regression":
        return np.array([_number(source, value) for value in values], np.float32)[raw.codes]
    if problem == "single_label" and (lists := [v for v in values if isinstance(v, tuple)]):
        raise DataError(
            f"{source}: labels are lists, such as {list(lists[0])}, and one label a text is wanted:"
            ' set data.problem = "multi_label" (a teacher has to be of several labels too)'
        )
    if problem == "multi_label" and len(labels.names) == 1:
        return np.array([_yes(source, value, labels) for value in values], np.float32)[
            raw.codes, np.newaxis
        ]
    places = [[labels.place(part) for part in parts_of(value)] for value in values]
    unknown = {
        part
        for value, found in zip(values, places, strict=True)
        for part, place in zip(parts_of(value), found, strict=True)
        if place is None
    }
    if unknown:
        raise DataError(_unknown(source, unknown, values, labels))
    if problem == "single_label":
        return np.array([place for (place,) in places], np.int64)[raw.codes]
    table = np.zeros((len(values), len(labels.names)), np.float32)
    for row, found in enumerate(places):
        table[row, [place for place in found if place is not None]] = 1
    return table[raw.codes]


def parts_of(value: Value) -> tuple[One, ...]:
    """The labels of a value: those of a list, or the one that it is."""
    return value if isinstance(value, tuple) else (value,)


def _yes(source: str, value: Value, labels: LabelMap) -> float:
    """Whether a text has the one label there is: a number from 0 to 1, or a list with its name.

    A reranker's label is such, and 0 is no place among its names.
    """
    if isinstance(value, tuple):
        return float(any(labels.place(part) == 0 for part in value))
    plain_value = BOOLEANS.index(value) if value in BOOLEANS else value
    number = as_number(plain_value)
    if number is not None and 0 <= number <= 1:
        return number
    if labels.place(value) == 0:
        return 1.0
    raise DataError(
        f"{source}: the label {value!r} is none of a model of one label, "
        f"{labels.names[0]!r}: 1 says that a text has it, 0 that it has not"
    )


def _number(source: str, value: Value) -> float:
    number = as_number(value)
    if number is None:
        raise DataError(
            f"{source}: the label {value!r} is no number, and targets of a regression are"
        )
    return number


def _unknown(source: str, unknown: set[One], values: Sequence[Value], labels: LabelMap) -> str:
    of_file = _ordered(part for value in values for part in parts_of(value))
    missing = _ordered(unknown)
    return (
        f"{source} has labels {list(of_file)}, the model {list(labels.names)}: say what "
        f"{list(missing)} are by --labels IN_FILE=SERVED, such as --labels "
        f"{missing[0]!r}={labels.names[0]!r} (a number is an index into the model's labels, from "
        "0, unless their names have numbers of their own)"
    )


def _ordered(labels: Iterable[One]) -> tuple[str, ...]:
    """Names once each, by number where all are integers."""
    names = {str(label) for label in labels}
    if all(as_index(name) is not None for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def _generic(names: Sequence[str]) -> bool:
    return all(GENERIC.fullmatch(name) for name in names)


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
