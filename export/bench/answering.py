"""A loaded model as something that answers a batch of texts, and can so be timed."""

from collections.abc import Mapping, Sequence
from functools import partial

from export.bench.loading import How, Loaded
from export.errors import ExportError
from export.evaluate.tagging import checkpoint_tagger
from export.measure.embedding import EmbeddingReference
from export.measure.reference import Reference
from export.measure.served import one_batch
from export.measure.timing import Run
from service.runtime.model import Input
from service.runtime.tasks.classification import Classifier
from service.runtime.tasks.embedding import Embedder
from service.runtime.tasks.entities import Entity
from service.runtime.tasks.tokens import Tagger
from training.data.texts import singles
from training.models.checkpoints.checkpoint import Checkpoint
from training.score.neighbours import Vectors, normalized


def run_of(loaded: Loaded, how: How) -> Run:
    """What answers one batch of texts, tokenising included.

    Of a classifier the answers are logits, of a tagger the entities of each text, of an embedder
    vectors.

    Raises:
        ExportError: it cannot be run as is asked.
    """
    loaded.refuse_shorter(how.length)
    model = loaded.model
    if isinstance(model, Checkpoint):
        return _by_torch(model, how)
    if isinstance(model, Classifier):
        return partial(one_batch, model)
    if isinstance(model, Tagger):
        return partial(_entities, model)
    assert isinstance(model, Embedder)
    return partial(_vectors, model)


def _by_torch(checkpoint: Checkpoint, how: How) -> Run:
    """A checkpoint through transformers' own tokenizer and model, eager."""
    task = checkpoint.task
    pad_to = how.pad_to or 0
    if task == "token-classification":
        if pad_to:
            raise ExportError(
                f"{checkpoint.source} is a checkpoint of a tagger, which pads to the longest of a "
                "batch: leave out --pad-to, or publish it and give the published version"
            )
        tagger = checkpoint_tagger(checkpoint)
        return lambda texts: tagger.find(singles(texts), None)
    if task == "feature-extraction":
        embedder = EmbeddingReference(checkpoint)
        normalize = checkpoint.embedding.normalize
        before = _prompt(checkpoint.embedding.prompts, checkpoint.embedding.default_prompt)

        def vectors(texts: Sequence[Input]) -> Vectors:
            prompted = [before + text for text in singles(texts)]
            found = embedder.together(embedder.encode(prompted), pad_to)
            return normalized(found) if normalize else found

        return vectors
    reference = Reference(checkpoint, None if pad_to else checkpoint.windows)
    return lambda texts: reference.together(reference.encode(texts), pad_to)


def _vectors(embedder: Embedder, texts: Sequence[Input]) -> Vectors:
    manifest = embedder.manifest
    before = _prompt(manifest.prompts, manifest.default_prompt)
    found = embedder.output(embedder.encode([before + text for text in singles(texts)]))
    return normalized(found) if manifest.normalize else found


def _prompt(prompts: Mapping[str, str], name: str | None) -> str:
    return "" if name is None else prompts[name]


def _entities(tagger: Tagger, texts: Sequence[Input]) -> list[list[Entity]]:
    windows, labels = tagger.manifest.windows, tagger.manifest.labels
    items = tagger.encode(texts, windows)
    outputs = iter(tagger.run([window for item in items for window in item.windows]))
    found = []
    for item in items:
        own = [next(outputs) for _ in item.windows]
        told = own[0] if windows is None else tagger.joined(item, own, windows)
        found.append(told.entities(labels, None))
    return found
