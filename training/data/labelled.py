"""Texts with what their labels say. Knows nothing of files, tokens or models."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from service.runtime.model import Input
from training.data.inputs import spelt
from training.data.texts import are_pairs, taken
from training.problem import UNLABELLED, ProblemType

Targets = npt.NDArray[Any]  # int64 or float32, by the problem


@dataclass(frozen=True, eq=False)
class LabelledText:
    """Texts with what their labels say.

    Attributes:
        texts: all single, or all pairs; may be a view of a file, and its slices are lists.
        targets: by problem, single label (n,) int64, indices into `labels`; multi-label
            (n, labels) float32 of 0 and 1; regression (n,) float32. A row without a label is
            `UNLABELLED`, or NaN where targets are floats.
        labels: names in the order of the logits.
    """

    texts: Sequence[Input]
    targets: Targets
    labels: tuple[str, ...]
    problem: ProblemType = "single_label"

    def __post_init__(self) -> None:
        shape: tuple[int, ...] = (len(self.texts),)
        if self.problem == "multi_label":
            shape = (*shape, len(self.labels))
        kind = np.int64 if self.problem == "single_label" else np.float32
        if self.targets.shape != shape or self.targets.dtype != kind:
            raise ValueError(
                f"{self.problem} targets of {shape} {kind.__name__} are needed, not "
                f"{self.targets.shape} {self.targets.dtype}"
            )

    def __len__(self) -> int:
        return len(self.texts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LabelledText):
            return NotImplemented
        return (
            (self.labels, self.problem) == (other.labels, other.problem)
            and np.array_equal(self.targets, other.targets, equal_nan=True)
            and list(self.texts) == list(other.texts)
        )

    __hash__ = None  # type: ignore[assignment]  # as of all that is compared by its arrays

    @property
    def pairs(self) -> bool:
        """Whether each text is a pair."""
        return are_pairs(self.texts)

    def select(self, indices: Sequence[int] | npt.NDArray[np.integer]) -> "LabelledText":
        """The rows at `indices`, in that order."""
        rows = np.asarray(indices, dtype=np.int64)
        return LabelledText(taken(self.texts, rows), self.targets[rows], self.labels, self.problem)

    @cached_property
    def sha256(self) -> str:
        """Hash of the rows in order, whatever file format they came from."""
        digest = hashlib.sha256()
        for text, target in zip(self.texts, self.targets, strict=True):
            digest.update(f"{self._spelt(target)}\t{spelt(text)}\n".encode())
        return digest.hexdigest()

    def _spelt(self, target: Any) -> str:
        if self.problem == "single_label":
            return "" if target == UNLABELLED else self.labels[target]
        if np.isnan(target).any():
            return ""
        if self.problem == "regression":
            return repr(float(target))
        if ((target != 0) & (target != 1)).any():  # scores, as of relevance
            return json.dumps(target.tolist())
        return json.dumps([self.labels[place] for place in np.flatnonzero(target)])


def unlabelled(
    texts: Sequence[Input], labels: tuple[str, ...], problem: ProblemType = "single_label"
) -> LabelledText:
    """Texts as rows that only a teacher says something of."""
    if problem == "single_label":
        return LabelledText(texts, np.full(len(texts), UNLABELLED), labels)
    shape = (len(texts), len(labels)) if problem == "multi_label" else (len(texts),)
    return LabelledText(texts, np.full(shape, np.nan, np.float32), labels, problem)
