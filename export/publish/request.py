"""What to publish, and the rule that texts have one use each."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from export.errors import ExportError, Verdict
from export.measure.gate import Gate
from export.quantize.int8 import Int8
from export.tasks.task import Texts
from service.repository.manifest import NAME_PATTERN
from service.repository.routes import FILE_NAME, read_routes
from service.repository.sections import Windows
from service.runtime.model import Input
from training.data.inputs import shown
from training.data.splitting.overlap import HeldOut

Precision = Literal["fp32", "int8"]
Weights = Literal["float32", "float16", "int8"]


@dataclass(frozen=True)
class Request:
    """What to publish.

    Attributes:
        name: the model's name in the repository.
        weights: how an FP32 model's weights are stored; an INT8 model's are int8.
        sets: labelled sets of the checkpoint's task to measure on, by name; the first is the one
            that the gate looks at.
        gate: what may be lost.
        windows: how a text that is too long is read; None: it is cut.
        texts: more to compare on, without labels.
        fit: labelled texts for the temperature and the thresholds, none of which is measured on;
            None: the temperature is 1.
        int8: how an INT8 model is made; its texts are none of those measured on either.
        choose_optimizers: given the graph's path, which of ONNX Runtime's fusions make it
            slower; None: they are not looked at.
        judged: is told the gate's verdict, and then nothing is refused: whoever stages a model
            judges it later.
    """

    name: str
    precision: Precision
    weights: Weights
    licence: str
    sets: Mapping[str, Texts]
    gate: Gate
    windows: Windows | None = None
    texts: Sequence[Input] = ()
    fit: Texts | None = None
    int8: Int8 = field(default_factory=Int8)
    choose_optimizers: Callable[[Path], tuple[str, ...]] | None = None
    judged: Callable[[Verdict], None] | None = None

    def refuse_measured(self, texts: Sequence[Input], use: str) -> None:
        """Raises ExportError where texts that were used for something are measured on too."""
        measured = HeldOut([text for data in self.sets.values() for text in data.texts])
        both = [text for text, is_in in zip(texts, measured.equal(texts), strict=True) if is_in]
        if both:
            raise ExportError(
                f"{len(both)} texts {use} are among those that are measured on, such as "
                f"{shown(both[0])}: texts have one use, so give others"
            )


def refuse_name(root: Path, name: str) -> None:
    """Raises ExportError for what a request could not name in a path, or is a route already."""
    if not re.fullmatch(NAME_PATTERN, name):
        raise ExportError(f"{name!r} is not a model's name: it should match {NAME_PATTERN}")
    if is_routed(root, name):
        raise ExportError(
            f"{name!r} is an alias or a cascade in {FILE_NAME}, and with a model of that name no "
            "route would be in force: choose another name"
        )


def is_routed(root: Path, name: str) -> bool:
    """Whether an alias or a cascade of a repository is called so."""
    routes = read_routes(root)
    return name in routes.aliases or name in routes.cascade
