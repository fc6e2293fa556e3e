"""Whether a recipe's texts are still those that its checkpoint was made of, by its metrics."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.data.loading import load_split
from training.data.splitting.splits import Split
from training.data.tags.splitting import TaggedSplit
from training.errors import DataError
from training.recipe.data import Data


def changed(record: Mapping[str, Any], sets: Mapping[str, Any]) -> list[str]:
    """Names of the sets that a checkpoint was made of others than.

    Args:
        record: its metrics; of a set that they do not have nothing is said.
        sets: as its recipe splits them now, each with its `sha256`.
    """
    recorded = {name: record.get(name, {}).get("sha256") for name in sets}
    return [name for name, data in sets.items() if recorded[name] not in (None, data.sha256)]


def changed_since(recipe: Path, data: Data, sets: Split | TaggedSplit) -> list[str]:
    """See `changed`.

    Args:
        recipe: of the checkpoint, where its metrics lie beside it; else nothing is said.
        data: as the recipe has it.
        sets: as it is split now.
    """
    metrics = recipe.with_name("metrics.json")
    if recipe.name != "recipe.toml" or not metrics.is_file():
        return []
    record = json.loads(metrics.read_text(encoding="utf-8"))
    other = changed(record, _named(sets))
    labels = record.get("validation", {}).get("by_label")
    if not other or not labels or isinstance(sets, TaggedSplit):
        return other
    try:  # a teacher may have called the labels something else
        return changed(record, _named(load_split(data, tuple(labels))))
    except DataError:
        return other


def _named(sets: Split | TaggedSplit) -> dict[str, Any]:
    return {"train": sets.train, "choose": sets.choose, "fit": sets.fit}
