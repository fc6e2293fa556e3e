"""An embedder that gives vectors, wherever it is from, and how good they are on labelled texts.

A version is read by the service's own runtime, a checkpoint by transformers itself.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from export.errors import ExportError
from export.evaluate.locating import opened
from export.measure.embedding import EmbeddingReference, served_vectors
from service.runtime.tasks.embedding import Embedder
from training.data.labelled import LabelledText
from training.data.texts import singles
from training.models.checkpoints.checkpoint import load_checkpoint
from training.score.neighbours import (
    Places,
    Retrieval,
    Vectors,
    cosines,
    nearest,
    normalized,
    retrieval,
)
from training.score.paired import Paired, compare

KINDS = (".npy", ".jsonl")


@dataclass(frozen=True)
class EmbeddingModel:
    """An embedder.

    Attributes:
        title: what it is called in what is told.
        default_prompt: the name of the prompt of a text that comes with none.
        raw: vectors of texts as they are given, (texts, size), before they are normalised.
    """

    title: str
    prompts: Mapping[str, str]
    default_prompt: str | None
    normalize: bool
    raw: Callable[[Sequence[str]], Vectors]

    def embed(self, texts: Sequence[str], prompt: str | None = None) -> Vectors:
        """The vectors of texts as the service gives them.

        Args:
            prompt: the name of one; None: the default, where there is one.

        Raises:
            ExportError: there is no such prompt, or a number is not finite.
        """
        name = prompt or self.default_prompt
        if name is not None and name not in self.prompts:
            raise ExportError(f"{self.title} has the prompts {sorted(self.prompts)}, not {name!r}")
        before = "" if name is None else self.prompts[name]
        found = self.raw([before + text for text in texts])
        if not np.isfinite(found).all():
            raise ExportError(f"{self.title}: its vectors are not finite")
        return normalized(found) if self.normalize else found


def open_embedder(name: str, root: Path) -> EmbeddingModel:
    """Opens an embedder; see `export.evaluate.locating.opened`."""
    return opened(name, root, _version, _checkpoint)


def _version(directory: Path) -> EmbeddingModel:
    embedder = Embedder.load(directory)
    manifest = embedder.manifest
    return EmbeddingModel(
        f"{manifest.name}@{manifest.version}",
        manifest.prompts,
        manifest.default_prompt,
        manifest.normalize,
        lambda texts: served_vectors(embedder, texts, title=manifest.name),
    )


def _checkpoint(source: str) -> EmbeddingModel:
    checkpoint = load_checkpoint(source).require("feature-extraction", "this command")
    reference = EmbeddingReference(checkpoint)
    embedding = checkpoint.embedding
    return EmbeddingModel(
        source,
        embedding.prompts,
        embedding.default_prompt,
        embedding.normalize,
        lambda texts: reference.logits(reference.encode(texts)),
    )


@dataclass(frozen=True)
class Looked:
    """Labelled texts, and those among which their nearest are looked for.

    Attributes:
        index: None: the others of `data`.
    """

    data: LabelledText
    index: LabelledText | None = None

    def __post_init__(self) -> None:
        for one in (self.data, self.index):
            if one is not None and not (one.labels and one.problem == "single_label"):
                raise ExportError("an embedder is measured on texts with one label each")

        if self.index is None and len(self.data) < 2:
            raise ExportError("a single text has no nearest other: give more, or --index")

    def by(self, model: EmbeddingModel, prompt: str | None) -> "Seen":
        """What a model gives the texts, and what is near."""
        vectors = model.embed(singles(self.data.texts), prompt)
        among = targets = None
        if self.index is not None:
            among, targets = model.embed(singles(self.index.texts), prompt), self.index.targets
        found = retrieval(vectors, self.data.targets, among, targets)
        return Seen(model.title, vectors, nearest(vectors, among)[:, 0], found)


class Seen(NamedTuple):
    """What a model makes of texts.

    Attributes:
        title: the model's.
        nearest: (texts,), the place of each one's nearest, in the index where there is one.
        retrieval: which labels are near.
    """

    title: str
    vectors: Vectors
    nearest: Places
    retrieval: Retrieval


def lines(title: str, found: Retrieval) -> Iterator[str]:
    """What an evaluation found."""
    share, low, high = found.neighbours
    yield (
        f"{title}: nearest text of the same label {share:.4f} ({low:.4f} to {high:.4f}, "
        f"n {found.n}), MAP@10 {found.mean_average_precision:.4f}"
    )


def compared(first: Seen, second: Seen) -> Iterator[str]:
    """Two embedders on the same texts: whose nearest texts have the label, and are the same."""
    title, other, mine, theirs = first.title, second.title, first.vectors, second.vectors
    paired: Paired = compare(first.retrieval.hits, second.retrieval.hits)
    yield (
        f"{title} less {other}, paired on {paired.n} texts: {paired.difference:+.4f} "
        f"({paired.low:+.4f} to {paired.high:+.4f}); McNemar p = {paired.p_value:.3g}"
    )
    same = first.nearest == second.nearest
    yield f"{title} and {other} have the same nearest text for {same.mean():.4f} of the texts"
    if mine.shape == theirs.shape:
        turned = cosines(mine, theirs)
        yield f"cosine between their vectors: mean {turned.mean():.4f}, least {turned.min():.4f}"


def refuse_output(path: Path, source: str | None = None) -> None:
    """Raises ExportError unless vectors can be written to such a file.

    Args:
        source: where the texts are read from, which is not to be written over; None: no file.
    """
    if path.suffix not in KINDS:
        raise ExportError(f"vectors go to a file that ends in {' or '.join(KINDS)}, not {path}")
    if source is not None and path.resolve() == Path(source).expanduser().resolve():
        raise ExportError(f"the texts are read from {path}: vectors go to another file")


def rows(texts: Sequence[str], vectors: Vectors) -> Iterator[dict[str, Any]]:
    """One row a text."""
    for text, vector in zip(texts, vectors, strict=True):
        yield {"text": text, "embedding": vector.tolist()}


def write_vectors(path: Path, texts: Sequence[str], vectors: Vectors) -> None:
    """Writes one vector a text, in their order: a NumPy array (texts, size), or JSON lines."""
    refuse_output(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, vectors)
        return
    with path.open("w", encoding="utf-8") as file:
        for row in rows(texts, vectors):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
