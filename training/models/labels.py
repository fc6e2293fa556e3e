"""The label names that a model's config holds."""

from typing import cast

from transformers import PretrainedConfig


def label_names(config: PretrainedConfig) -> tuple[str, ...]:
    """Names in the order of the logits."""
    names = cast(dict[int, str], config.id2label or {})
    return tuple(names[index] for index in sorted(names))
