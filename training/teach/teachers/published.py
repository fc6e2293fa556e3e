"""A published version as a teacher, read as the service reads it."""

import hashlib
import json
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from service.errors import StillhouseError
from service.repository.manifest import FILE_NAME
from service.runtime.model import Input
from service.runtime.tasks.classification import Classifier
from training.errors import CheckpointError
from training.problem import ProblemType
from training.teach.logits import batches_by_length
from training.teach.teachers.precision import Precision
from training.teach.teachers.store import Logits
from training.teach.teachers.teacher import refuse_masks, remembered

BATCH = 64


def version_directory(source: str) -> Path | None:
    """The version that a path names: it, or the highest of a model's; None if it names none."""
    place = Path(source)
    if (place / FILE_NAME).is_file():
        return place
    versions = [path.parent for path in place.glob(f"*/{FILE_NAME}")]
    numbered = [path for path in versions if path.name.isdecimal()]
    return max(numbered, key=lambda path: int(path.name), default=None)


class OnnxTeacher:
    """A version of a model repository as a teacher, on ONNX Runtime with all cores.

    Args:
        directory: of the version.
        name: as the recipe names it.

    Raises:
        CheckpointError: it is not as it was published, or no text classifier.
    """

    precision: Precision = "fp32"  # of what lies around the graph, whatever is in it
    reads_masks = False
    labels_any = True

    def __init__(self, directory: Path, name: str) -> None:
        try:
            self._classifier = Classifier.load(directory, threads=len(os.sched_getaffinity(0)))
        except StillhouseError as error:
            raise CheckpointError(f"no published classifier at {name}: {error}") from error
        self.name = name
        self.labels = tuple(self._classifier.manifest.labels)
        self.problem: ProblemType = self._classifier.manifest.problem_type
        self.pairs: bool | None = self._classifier.manifest.pairs

    @cached_property
    def sha256(self) -> str:
        """Of the version's files."""
        files = self._classifier.manifest.files
        hashes = {name: file.sha256 for name, file in sorted(files.items())}
        return hashlib.sha256(json.dumps(hashes).encode()).hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the files and of the length that it reads."""
        parts = [self.sha256, self._classifier.reading]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def spelt(self, texts: Sequence[Input]) -> Sequence[Input]:
        """See `training.teach.teachers.teacher.Teacher`: a version names no mask token."""
        return refuse_masks(self.name, texts)

    def logits(self, texts: Sequence[Input]) -> Logits:
        """Computed, or read where they were computed before."""
        return remembered(self, self.spelt(texts), self._label)

    def _label(self, texts: Sequence[Input], bar: "tqdm[None]") -> Logits:
        items = self._classifier.encode(texts)
        logits = np.empty((len(texts), len(self.labels)), dtype=np.float32)
        for rows in batches_by_length([len(item) for item in items], BATCH):
            logits[rows] = self._classifier.logits([items[row] for row in rows])
            bar.update(len(rows))
        return logits
