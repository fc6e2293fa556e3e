"""What kind of model a version is: what it takes, and what it gives.

Routes ask several models of the same inputs: a cascade, and a model with its shadow. Says which
models can be asked so. Knows no files.
"""

from collections.abc import Mapping
from typing import NamedTuple

from service.repository.manifest import Manifest, ProblemType, Task


class Kind(NamedTuple):
    """Of a version.

    Attributes:
        problem_type: of text classification; None: another task.
    """

    task: Task
    pairs: bool
    problem_type: ProblemType | None

    @classmethod
    def of(cls, manifest: Manifest) -> "Kind":
        """What the manifest says."""
        classifies = manifest.task == "text-classification"
        return cls(manifest.task, manifest.pairs, manifest.problem_type if classifies else None)

    def __str__(self) -> str:
        """In words, such as `text-classification of pairs (single_label)`."""
        pairs = " of pairs" if self.pairs else ""
        return self.task + pairs + (f" ({self.problem_type})" if self.problem_type else "")

    @property
    def unsure(self) -> str | None:
        """Why no cascade can ask it before another; None: it says how sure it is."""
        if self.problem_type == "regression":
            return "a regression, whose number has no confidence to compare with a threshold"
        if self.task == "feature-extraction":
            return "an embedder, which is sure of nothing: there is no confidence to compare"
        return None

    def comparable(self, other: "Kind") -> bool:
        """Whether both can be asked the same inputs, and their answers compared."""
        return (self.task, self.pairs) == (other.task, other.pairs)


def unlike(kinds: Mapping[str, Kind]) -> str | None:
    """Says of models, by name, that they are not all of one kind; None: they are."""
    if len(set(kinds.values())) < 2:
        return None
    return ", ".join(f"{name!r} is {kind}" for name, kind in kinds.items())
