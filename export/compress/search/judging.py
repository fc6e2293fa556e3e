"""Judges exported models on texts: what each loses, and what it costs.

The texts that choose chose the checkpoints too, so what is said of them is no result: that is
measured on others, where the choice is judged once more.
"""

import json
import time
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.compress.answers import answers
from export.compress.exporting import Staged
from export.compress.results import DIGITS, loss_between
from export.compress.soft.labels import SoftLabels
from export.measure.comparison import decisions, truth
from export.measure.served import one_batch
from export.measure.timing import latencies, processor
from export.stages.engine import Workshop
from export.stages.keys import ran_by
from service.repository.manifest import read_manifest
from service.runtime.tasks.classification import Classifier
from training.data.labelled import LabelledText
from training.score.scores import score_regression

JUDGED = "judged.json"
TIMED = 100  # texts, one at a time

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Judged:
    """An exported model on some texts.

    Attributes:
        loss: of quality against the teacher; negative where it is better.
        keeps: the loss is within its limit.
        cost: of a text alone, as a share of what the teacher in FP32 takes for it, in turns.
        error: the standard error of the loss, of the texts' differences in pairs; 0: not known.
    """

    staged: Staged
    n: int
    quality: float
    loss: float
    keeps: bool
    cost: float
    error: float = 0.0

    @property
    def able(self) -> bool:
        """Whether it keeps the promise, and its file what its gate asks."""
        return self.keeps and not self.staged.verdict.findings

    def is_doubtful(self, limit: float) -> bool:
        """Whether it loses more than that by no more than the loss's standard error."""
        return limit < self.loss <= limit + self.error and not self.staged.verdict.findings


class Judge:
    """Compares models with the teacher, and keeps what was found as a stage.

    Args:
        teacher: in FP32; of a file of soft labels an encoder, whose time others are told against.
        limit: what may be lost, as a share.
        use: what the texts are for, in words.
        labels: a file of soft labels, which models are judged against in the teacher's place.
    """

    def __init__(
        self,
        teacher: Staged,
        data: LabelledText,
        limit: float,
        shop: Workshop,
        use: str,
        labels: SoftLabels | None = None,
    ) -> None:
        self._data = data
        self._use = use
        self._labels = labels
        self._limit = limit
        self._shop = shop
        self._teacher = teacher
        self.teacher = self.judge(teacher) if labels is None else self._said(labels)

    @property
    def target(self) -> float:
        """The quality that is to be kept."""
        return round(self.teacher.quality - self._limit, DIGITS)

    @property
    def error(self) -> float:
        """The standard error of a quality near the one to keep, by as many texts."""
        is_number = self._data.problem == "regression"
        return standard_error(self.target, len(self._data), is_number=is_number)

    def tell(self, what: str) -> None:
        """Says what came of it."""
        self._shop.tell(what)

    @cached_property
    def _model(self) -> Classifier:
        return self._teacher.model()

    def _said(self, labels: SoftLabels) -> Judged:
        """The labels' own quality, beside the encoder's time."""
        n, quality = len(self._data), labels.of(self._data).quality
        return Judged(self._teacher, n, quality, loss=0.0, keeps=True, cost=1.0)

    def judge(self, staged: Staged) -> Judged:
        """What a model loses on the same texts."""
        ours, teacher = (read_manifest(one.directory) for one in (staged, self._teacher))
        reads = {
            "model": ours.fingerprint,
            "teacher": teacher.fingerprint,
            "labels": self._labels.fingerprint if self._labels else None,
            "texts": self._data.sha256,
            "hardware": processor(),
            "code": ran_by("export.compress.search", "export.measure", "training.score"),
        }

        def write(folder: Path) -> None:
            text = json.dumps(self._found(staged), indent=2) + "\n"
            (folder / JUDGED).write_text(text, encoding="utf-8")

        told = f"judge {staged.title} by {self._use}"
        made = self._shop.stage("judge", told, reads, write, part=True)
        found = json.loads((made.folder / JUDGED).read_text(encoding="utf-8"))
        of_teacher = found["quality"] if staged is self._teacher else self.teacher.quality
        loss = loss_between(of_teacher, found["quality"])
        return Judged(staged, **found, loss=loss, keeps=loss <= self._limit)

    def _found(self, staged: Staged) -> dict[str, Any]:
        model = staged.model()
        quality, error = self._quality(staged, model)
        return {
            "n": len(self._data),
            "quality": quality,
            "cost": self._cost(model),
            "error": error,
        }

    def _cost(self, model: Classifier) -> float:
        """In turns with the teacher, so that what else the machine does hits both."""
        texts = list(self._data.texts[:: max(1, len(self._data) // TIMED)])
        runs = [partial(one_batch, one) for one in (model, self._model)]
        ours, teacher = latencies(runs, texts, runs=TIMED, clock=time.process_time)
        return ours.mean_ms / teacher.mean_ms

    def _quality(self, staged: Staged, model: Classifier) -> tuple[float, float]:
        """A model's, and the standard error of its difference from the teacher's."""
        logits = answers(staged, model, self._data, self._shop)
        if self._data.problem == "regression":
            numbers = model.probabilities(logits)[:, 0].astype(np.float64)
            return score_regression(numbers, self._data.targets).pearson or 0.0, 0.0
        right = (decisions(model, logits) == truth(self._data)).all(axis=1)
        differences = right.astype(np.float64) - self._teacher_right
        return float(right.mean()), float(differences.std() / np.sqrt(len(differences)))

    @cached_property
    def _teacher_right(self) -> Array:
        if self._labels is not None:
            said = self._labels.of(self._data).right
            assert said is not None  # these are labels
            return said
        logits = answers(self._teacher, self._model, self._data, self._shop)
        right: Array = (decisions(self._model, logits) == truth(self._data)).all(axis=1)
        return right


def standard_error(quality: float, n: int, *, is_number: bool) -> float:
    """Of a share of right ones among n texts, or of a correlation."""
    quality = min(max(quality, 0.0), 1.0)
    spread = 1 - quality**2 if is_number else np.sqrt(quality * (1 - quality))
    return float(spread / np.sqrt(n))
