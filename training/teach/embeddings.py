"""Who teaches an embedder: a checkpoint, or a published version; and the vectors that it gives.

What a teacher said of a text is kept text by text, as a classifier's logits are. Knows nothing of
the student.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from tqdm.auto import tqdm

from service.errors import StillhouseError
from service.runtime.model import Input
from service.runtime.tasks.embedding import Embedder
from service.runtime.tokenizer import Tokenizer
from training.errors import CheckpointError
from training.models.checkpoints.checkpoint import Checkpoint, load_checkpoint
from training.models.devices import fast_bf16, on_fastest_device
from training.models.embedding.embedding import Embedding, SentenceEncoder
from training.score.neighbours import Vectors, cosines
from training.teach.logits import all_cores, batches_by_length
from training.teach.teachers.precision import PROBE, Asked, Precision
from training.teach.teachers.published import version_directory
from training.teach.teachers.teacher import remembered_rows

BATCH = 64
CLOSE = 0.999  # the least cosine between both precisions, for `auto` to take bfloat16


class EmbeddingTeacher(Protocol):
    """Whatever gives vectors for texts.

    Attributes:
        name: as the recipe names it.
        fingerprint: of all that its vectors depend on.
        sha256: of what it is, for the lineage of its students.
        size: of a vector.
        embedding: its prompts, and whether its vectors are normalised.
        precision: that it labels in.
    """

    @property
    def name(self) -> str: ...  # noqa: D102  the class says it

    @property
    def fingerprint(self) -> str: ...  # noqa: D102

    @property
    def sha256(self) -> str: ...  # noqa: D102

    @property
    def size(self) -> int: ...  # noqa: D102

    @property
    def embedding(self) -> Embedding: ...  # noqa: D102

    @property
    def precision(self) -> Precision: ...  # noqa: D102

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """The vectors of texts as they are given, no prompt put before them, (texts, size)."""


@dataclass(frozen=True)
class CheckpointEmbedder:
    """A checkpoint as a teacher of embedders."""

    checkpoint: Checkpoint
    precision: Precision = "fp32"

    @property
    def name(self) -> str:
        """The checkpoint's source."""
        return self.checkpoint.source

    @property
    def embedding(self) -> Embedding:
        """As its owner's files say."""
        return self.checkpoint.embedding

    @cached_property
    def encoder(self) -> SentenceEncoder:
        """The model with its pooling."""
        return SentenceEncoder(self.checkpoint.model, self.embedding).eval()

    @property
    def size(self) -> int:
        """Of a vector."""
        return self.encoder.size

    @cached_property
    def sha256(self) -> str:
        """Of the checkpoint."""
        return self.checkpoint.sha256

    @cached_property
    def fingerprint(self) -> str:
        """Hash of weights, reading, pooling and precision; where they lie does not matter."""
        stated = f"{self.checkpoint.fingerprint} {self.precision}"
        return hashlib.sha256(stated.encode()).hexdigest()

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Computed on the GPU or all cores, or read where they were computed before."""

        def label(part: Sequence[Input], bar: "tqdm[None]") -> Vectors:
            bf16 = self.precision == "bf16"
            return predict_vectors(
                self.encoder, self.checkpoint.tokenizer, part, bf16=bf16, bar=bar
            )

        with on_fastest_device(self.checkpoint.model), all_cores():
            return remembered_rows(self, self.size, texts, label)


class PublishedEmbedder:
    """A version of a model repository as a teacher, on ONNX Runtime with all cores.

    Args:
        directory: of the version.
        name: as the recipe names it.

    Raises:
        CheckpointError: it is not as it was published, or no embedder.
    """

    precision: Precision = "fp32"  # of what lies around the graph, whatever is in it

    def __init__(self, directory: Path, name: str) -> None:
        try:
            self._embedder = Embedder.load(directory, threads=len(os.sched_getaffinity(0)))
        except StillhouseError as error:
            raise CheckpointError(f"no published embedder at {name}: {error}") from error
        manifest = self._embedder.manifest
        self.name = name
        self.size = int(manifest.embedding_size or 0)
        self.embedding = Embedding(
            pooling=manifest.pooling or "mean",
            normalize=manifest.normalize,
            prompts=manifest.prompts,
            default_prompt=manifest.default_prompt,
        )

    @cached_property
    def sha256(self) -> str:
        """Of the version's files."""
        files = self._embedder.manifest.files
        hashes = {name: file.sha256 for name, file in sorted(files.items())}
        return hashlib.sha256(json.dumps(hashes).encode()).hexdigest()

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the files and of the length that it reads."""
        parts = [self.sha256, self._embedder.reading]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Computed, or read where they were computed before."""
        return remembered_rows(self, self.size, texts, self._label)

    def _label(self, texts: Sequence[Input], bar: "tqdm[None]") -> Vectors:
        items = self._embedder.encode(texts)
        found = np.empty((len(texts), self.size), dtype=np.float32)
        for rows in batches_by_length([len(item) for item in items], BATCH):
            found[rows] = self._embedder.output([items[row] for row in rows])
            bar.update(len(rows))
        return found


def open_embedder(source: str) -> EmbeddingTeacher:
    """Reads a teacher; a checkpoint labels in FP32, see `labelling_in`.

    Args:
        source: a version's or a model's directory in a model repository, a checkpoint directory,
            or a hub id.

    Raises:
        CheckpointError: it is not there, or no embedder.
    """
    version = version_directory(source)
    if version is not None:
        return PublishedEmbedder(version, source)
    checkpoint = load_checkpoint(source, general=True)
    return CheckpointEmbedder(checkpoint.require("feature-extraction", "the recipe"))


def labelling_in(
    teacher: EmbeddingTeacher, precision: Asked, texts: Sequence[str]
) -> EmbeddingTeacher:
    """The teacher, a checkpoint in the precision that is asked for.

    `auto` is bfloat16 where the machine is fast at it and no vector of some of the texts turns by
    more than `CLOSE` allows; else FP32.
    """
    if not isinstance(teacher, CheckpointEmbedder):
        return teacher
    if precision != "auto":
        return replace(teacher, precision=precision)
    if not texts or not fast_bf16():
        return teacher
    probe = [texts[place] for place in range(0, len(texts), -(-len(texts) // PROBE))]
    tokenizer = teacher.checkpoint.tokenizer
    try:
        with on_fastest_device(teacher.checkpoint.model):
            exact, rounded = (
                predict_vectors(teacher.encoder, tokenizer, probe, bf16=bf16)
                for bf16 in (False, True)
            )
    except RuntimeError:  # a layer without a bfloat16 kernel
        return teacher
    close = float(cosines(exact, rounded).min()) >= CLOSE
    return replace(teacher, precision="bf16") if close else teacher


def predict_vectors(
    encoder: SentenceEncoder,
    tokenizer: Tokenizer,
    texts: Sequence[Input],
    *,
    batch_size: int = 64,
    bf16: bool = False,
    bar: "tqdm[None] | None" = None,
) -> Vectors:
    """Runs an encoder over texts where it lies, batched by length so that little is padded.

    Args:
        batch_size: the most texts at once; of long ones fewer.
        bf16: multiply matrices in bfloat16.
        bar: a progress bar to move on by the texts done.

    Returns:
        (texts, size), in the order of `texts`, before they are normalised.
    """
    items = tokenizer.encode(texts)
    found = np.empty((len(texts), encoder.size), dtype=np.float32)
    device = next(encoder.parameters()).device
    encoder.eval()
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        for rows in batches_by_length([len(item) for item in items], batch_size):
            input_ids, attention_mask = tokenizer.pad([items[row] for row in rows])
            vectors = encoder(
                torch.from_numpy(input_ids).to(device), torch.from_numpy(attention_mask).to(device)
            )
            found[rows] = vectors.float().cpu().numpy()
            if bar is not None:
                bar.update(len(rows))
    return found
