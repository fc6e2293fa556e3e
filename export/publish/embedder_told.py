"""What is told of a published embedder: on the model card, and when it is published."""

from collections.abc import Iterator

from service.repository.manifest import Manifest
from service.repository.sections import Metrics, Parity


def described(manifest: Manifest) -> str:
    """What it is."""
    length = "at length 1" if manifest.normalize else "of any length"
    shorter = ", ".join(map(str, manifest.dimensions))
    prompts = ", ".join(f"{name} ({text!r})" for name, text in manifest.prompts.items() if text)
    return (
        f"An embedder of {manifest.parameters:,} parameters, in {manifest.precision.upper()}, that "
        f"reads {manifest.max_length} tokens and gives {manifest.embedding_size} numbers {length}, "
        f"pooled by {manifest.pooling}."
        + (f" Shorter vectors: {shorter}." if shorter else "")
        + (f" Prompts: {prompts}." if prompts else "")
    )


def measured(name: str, metrics: Metrics) -> str:
    """Its scores on a set."""
    if metrics.neighbours is None:
        return f"{name}, n = {metrics.n}: no labels"
    return (
        f"{name}, n = {metrics.n}: nearest other text of the same label {metrics.neighbours:.4f} "
        f"({metrics.neighbours_low:.4f} to {metrics.neighbours_high:.4f}, at 95%), MAP@10 "
        f"{metrics.mean_average_precision:.4f}"
    )


def parity_lines(parity: Parity) -> Iterator[str]:
    """What it lost against its checkpoint."""
    yield (
        f"on {parity.n} texts, against the checkpoint in transformers: cosine "
        f"{parity.mean_cosine:.4f} on average and {parity.min_cosine:.4f} at least, largest "
        f"difference of a number {parity.max_logit_difference:.2g}, a batch moves one by "
        f"{parity.max_batch_difference:.2g} at most"
    )
    if parity.neighbours_kept is not None:
        yield (
            f"{parity.neighbours_kept:.4f} of the texts keep their nearest neighbour (at least "
            f"{parity.agreement_low:.4f}, at 95%)"
        )
    if parity.accuracy_drop is not None:
        yield (
            f"nearest texts of the same label fewer by {parity.accuracy_drop:.4f} (at most "
            f"{parity.accuracy_drop_high:.4f}, at 95%)"
        )
