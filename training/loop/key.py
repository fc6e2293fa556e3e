"""What a run was made from, as one hash: data, teachers, the weights it began with, the recipe.

Where things lie is no part of it: the same texts in another file give the same key, and other
texts in the same file another one.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from training.recipe.recipe import Recipe

# Whose code decides what comes of a run.
CODE = (
    *("training.data", "training.models", "training.teach", "training.prune", "training.loop"),
    *("training.quantize", "training.linear", "training.tasks"),
)
# The texts themselves are hashed; what of the section reaches the training besides is this.
DATA_READ = ("max_length", "special_tokens", "subwords", "windows", "seed")


class Learnt(Protocol):
    """Texts with what their labels say, whatever these are of."""

    @property
    def sha256(self) -> str: ...  # noqa: D102

    @property
    def labels(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def problem(self) -> str: ...  # noqa: D102


class Teaching(Protocol):
    """A teacher of any task."""

    @property
    def fingerprint(self) -> str: ...  # noqa: D102


def run_parts(
    recipe: Recipe,
    data: Sequence[Learnt],
    teachers: Sequence[Teaching],
    base: str,
    transfer: str | None = None,
) -> dict[str, str]:
    """What a run was made from, each part as a hash, by names that a message can use.

    Args:
        recipe: as it was asked for, its epochs perhaps not yet counted.
        data: the texts that it trains on, and those that it chooses by.
        teachers: in the recipe's order.
        base: fingerprint of the model that it begins with; what that was made from, such as a
            pretrained base or a teacher's embeddings, is in its weights.
        transfer: hash of the texts without labels.
    """
    return {
        "data": _digest([[[part.sha256, part.labels, part.problem] for part in data], transfer]),
        "teacher": _digest([teacher.fingerprint for teacher in teachers]),
        "base": base,
        "recipe": _digest(_values(recipe)),
    }


def key_of(parts: Mapping[str, str]) -> str:
    """The key of a run, in hexadecimal digits, from its parts."""
    return _digest(dict(parts))


def _values(recipe: Recipe) -> dict[str, Any]:
    """A recipe's values, without where things lie and what does not reach the training."""
    values = recipe.model_dump(mode="json", exclude_none=True, exclude={"name", "quality"})
    values["data"] = {name: values["data"].get(name) for name in DATA_READ}
    taught = values.get("distillation", {})
    for section, name in ((values["model"], "base"), (taught, "teacher"), (taught, "transfer")):
        section.pop(name, None)  # the transfer texts are hashed as well
    return values


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
