"""What a run was made from, as one hash: data, teachers, the weights it began with, the recipe.

Where things lie is no part of it: the same texts in another file give the same key, and other
texts in the same file another one.
"""

import ast
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from training.data.labelled import LabelledText
from training.recipe.recipe import Recipe
from training.teach.teacher import Teacher

ROOMS = ("data", "models", "teach", "loop")  # whose code decides what comes of a run
# The texts themselves are hashed; what of the section reaches the training besides is this.
DATA_READ = ("max_length", "seed")


def run_key(
    recipe: Recipe,
    data: Sequence[LabelledText],
    teachers: Sequence[Teacher],
    base: str,
    transfer: str | None = None,
) -> str:
    """The key of a run, in hexadecimal digits.

    Args:
        recipe: as it was asked for, its epochs perhaps not yet counted.
        data: the texts that it trains on, and those that it chooses by.
        teachers: in the recipe's order.
        base: `start_sha256` of what it begins with.
        transfer: hash of the texts without labels.
    """
    return key_of(run_parts(recipe, data, teachers, base, transfer))


def run_parts(
    recipe: Recipe,
    data: Sequence[LabelledText],
    teachers: Sequence[Teacher],
    base: str,
    transfer: str | None = None,
) -> dict[str, str]:
    """What `run_key` is the hash of, by names that a message can use."""
    return {
        "data": _digest([[[part.sha256, part.labels, part.problem] for part in data], transfer]),
        "teacher": _digest([teacher.fingerprint for teacher in teachers]),
        "base": base,
        "recipe": _digest(_values(recipe)),
    }


def key_of(parts: Mapping[str, str]) -> str:
    """The hash of a run's parts."""
    return _digest(dict(parts))


def start_sha256(model: PreTrainedModel, hub_tokenizer: PreTrainedTokenizerFast) -> str:
    """Hash of an untrained model: its weights, its config, and how it reads.

    What it was made from, such as a base or a teacher's embeddings, is in its weights.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().float().numpy().tobytes())
    config = model.config.to_diff_dict()
    for name in ("_name_or_path", "transformers_version"):
        config.pop(name, None)
    rules = json.loads(hub_tokenizer.backend_tokenizer.to_str())
    for name in ("truncation", "padding"):  # of the last call, which is no rule
        rules.pop(name, None)
    digest.update(_digest([str(sorted(config.items())), rules]).encode())
    return digest.hexdigest()


@cache
def code_sha256() -> str:
    """Hash of the code that decides what comes of a run; comments and layout do not count."""
    digest = hashlib.sha256()
    root = Path(__file__).parents[1]
    for path in sorted(path for room in ROOMS for path in (root / room).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        digest.update(f"{path.relative_to(root)} {ast.dump(tree)}\n".encode())
    return digest.hexdigest()


def _values(recipe: Recipe) -> dict[str, Any]:
    """A recipe's values, without where things lie and what does not reach the training."""
    values = recipe.model_dump(mode="json", exclude_none=True, exclude={"name", "quality"})
    values["data"] = {name: values["data"][name] for name in DATA_READ}
    taught = values.get("distillation", {})
    for section, name in ((values["model"], "base"), (taught, "teacher"), (taught, "transfer")):
        section.pop(name, None)  # the transfer texts are hashed as well
    return values


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
