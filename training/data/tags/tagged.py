"""Texts with labelled spans of characters. Knows nothing of files, tokens or models."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from training.data.labelled import LabelledText
from training.data.texts import taken

OUTSIDE = "O"


class Span(NamedTuple):
    """A part of a text that has a label: the characters from `start` to before `end`."""

    start: int
    end: int
    label: str


Spans = tuple[Span, ...]


@dataclass(frozen=True, eq=False)
class TaggedText:
    """Texts with the entities in them.

    Attributes:
        texts: may be a view of a file; its slices are lists.
        spans: of each text, in their order; none overlaps another.
        types: the labels that spans may have, in the order of the model's.
    """

    texts: Sequence[str]
    spans: Sequence[Spans]
    types: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.texts) != len(self.spans):
            raise ValueError(f"{len(self.texts)} texts, and spans of {len(self.spans)}")

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def problem(self) -> str:
        """What its labels are of."""
        return "tags"

    @property
    def labels(self) -> tuple[str, ...]:
        """Those of a model of these types."""
        return labels_of(self.types)

    def select(self, indices: Sequence[int] | npt.NDArray[np.integer]) -> "TaggedText":
        """The rows at `indices`, in that order."""
        rows = np.asarray(indices, dtype=np.int64)
        spans = [self.spans[row] for row in rows.tolist()]
        return TaggedText(cast(Sequence[str], taken(self.texts, rows)), spans, self.types)

    @cached_property
    def sha256(self) -> str:
        """Hash of the rows in order, whatever file format they came from."""
        digest = hashlib.sha256()
        for text, spans in zip(self.texts, self.spans, strict=True):
            digest.update(f"{json.dumps(spans)}\t{text}\n".encode())
        return digest.hexdigest()

    @property
    def by_type(self) -> LabelledText:
        """Each text with the types that it has, of any number, as a split keeps their shares."""
        places = {name: place for place, name in enumerate(self.types)}
        targets = np.zeros((len(self), len(self.types)), np.float32)
        for row, spans in enumerate(self.spans):
            for span in spans:
                targets[row, places[span.label]] = 1
        return LabelledText(self.texts, targets, self.types, "multi_label")


def labels_of(types: Sequence[str]) -> tuple[str, ...]:
    """The labels of tokens, of types: O, and of each type B- (where one begins) and I-."""
    return (OUTSIDE, *(f"{mark}-{name}" for name in types for mark in "BI"))


def types_of(labels: Sequence[str]) -> tuple[str, ...]:
    """The types that labels of tokens name, whatever their scheme, each once."""
    marked = [label for label in labels if label != OUTSIDE]
    bare = (label[2:] if label[1:2] == "-" else label for label in marked)
    return tuple(dict.fromkeys(bare))
