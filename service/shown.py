"""What `stillhouse models` says of a version, in words. Reads no files."""

from collections.abc import Iterator

from service.repository.kinds import Kind
from service.repository.manifest import Manifest
from service.repository.sections import Metrics, Parity

HEADER = ("model", "task", "labels", "precision", "MB", "measured", "created")


def row_of(manifest: Manifest) -> tuple[str, ...]:
    """A line of the list; see `HEADER`."""
    name, found = next(iter(manifest.metrics.items()), (None, None))
    return (
        f"{manifest.name}@{manifest.version}",
        _task(manifest),
        str(len(manifest.labels) or "-"),
        manifest.precision,
        f"{sum(file.bytes for file in manifest.files.values()) / 1e6:.1f}",
        f"{name}: {_headline(found)}" if found else "nothing",
        f"{manifest.created_at:%Y-%m-%d}",
    )


def _task(manifest: Manifest) -> str:
    """In a word or two: of a classifier what kind of labels it gives."""
    classifies = manifest.task == "text-classification"
    task = manifest.problem_type if classifies else manifest.task
    return f"{task}, pairs" if manifest.pairs else task


def _headline(found: Metrics) -> str:
    for title, value in {
        "accuracy": found.accuracy,
        "macro F1": found.macro_f1,
        "entity F1": found.entity_f1,
        "Pearson": found.pearson,
        "Spearman": found.spearman,
        "neighbours": found.neighbours,
    }.items():
        if value is not None:
            return f"{title} {value:.4f} (n {found.n})"
    return f"n {found.n}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def told(manifest: Manifest) -> Iterator[str]:
    """All that is known of it, in lines."""
    size = sum(file.bytes for file in manifest.files.values())
    yield f"{manifest.name}@{manifest.version}, {manifest.created_at:%Y-%m-%d %H:%M} UTC"
    yield str(Kind.of(manifest))
    if manifest.labels:
        yield f"labels: {', '.join(manifest.labels)}"
    if manifest.thresholds is not None:
        yield f"thresholds: {', '.join(f'{value:.3f}' for value in manifest.thresholds)}"
    yield (
        f"{manifest.precision}, weights in {manifest.weights}, {manifest.parameters:,} parameters, "
        f"{size / 1e6:.1f} MB"
    )
    yield f"reads {manifest.max_length} tokens; temperature {manifest.temperature:.4g}"
    if manifest.windows is not None:
        yield (
            f"longer texts in windows that share {manifest.windows.stride} tokens, pooled by "
            f"{manifest.windows.pooling}"
        )
    if manifest.special_tokens == "parsed":
        yield "a special token that somebody types is that token, and no text"
    yield from _of_embeddings(manifest)
    yield f"licence: {manifest.licence}"
    for what, value in manifest.lineage.model_dump().items():
        hashes = ", ".join(value) if isinstance(value, tuple) else value
        yield f"{what.replace('_', ' ')}: {hashes or 'not known'}"
    if manifest.parity is not None:
        yield _of_parity(manifest.parity)
    for name, found in manifest.metrics.items():
        yield ", ".join([f"{name}: {_headline(found)}", *_scores(found)])
        for label, one in (found.by_label or {}).items():
            yield (
                f"  {label}: n {one.n}, precision {_share(one.precision)}, recall "
                f"{_share(one.recall)} ({_share(one.recall_low)} to {_share(one.recall_high)}), "
                f"F1 {_share(one.f1)}"
            )


def _scores(found: Metrics) -> Iterator[str]:
    """What was measured beside the first figure."""
    titles = {
        "macro F1": found.macro_f1,
        "ECE": found.ece,
        "precision": found.entity_precision,
        "recall": found.entity_recall,
    }
    for title, value in titles.items():
        if value is not None:
            yield f"{title} {value:.4f}"


def _of_embeddings(manifest: Manifest) -> Iterator[str]:
    if manifest.embedding_size is None:
        return
    length = ", of length 1" if manifest.normalize else ""
    yield f"embeddings of {manifest.embedding_size} numbers, {manifest.pooling} pooling{length}"
    if manifest.dimensions:
        yield f"shorter ones: {', '.join(map(str, manifest.dimensions))}"
    for name, prompt in manifest.prompts.items():
        yield f"prompt {name}: {prompt!r}"


def _of_parity(parity: Parity) -> str:
    """How far it is from the checkpoint that it was made of."""
    if parity.min_cosine is not None:
        found = {
            "cosine at least": parity.min_cosine,
            "mean cosine": parity.mean_cosine,
            "nearest neighbours kept": parity.neighbours_kept,
        }
    elif parity.entity_f1_drop is not None:
        found = {"agreement": parity.agreement, "entity F1 lower by": parity.entity_f1_drop}
    else:
        found = {"agreement": parity.agreement, "accuracy lower by": parity.accuracy_drop}
    parts = [f"{title} {_share(value)}" for title, value in found.items()]
    if parity.min_cosine is None:
        parts.append(f"largest logit difference {parity.max_logit_difference:.2g}")
    return f"against its checkpoint (n {parity.n}): {', '.join(parts)}"
