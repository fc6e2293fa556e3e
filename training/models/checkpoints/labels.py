"""The label names that a model's config holds."""

from typing import cast

from transformers import PretrainedConfig


def label_names(config: PretrainedConfig) -> tuple[str, ...]:
    """Names in the order of the logits."""
    names = cast(dict[int, str], config.id2label or {})
    return tuple(names[index] for index in sorted(names))


def outputs_of(config: PretrainedConfig) -> int:
    """How many numbers a student of ours gives: a vector's, or a logit for each label."""
    size: int | None = getattr(config, "embedding_dimension", None)
    return len(label_names(config)) if size is None else size
