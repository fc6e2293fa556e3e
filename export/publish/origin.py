"""What a checkpoint's owner says of it that no manifest has: its base, its languages, its data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from huggingface_hub.repocard import metadata_load

from training.models.checkpoints.checkpoint import Checkpoint

CARD = "README.md"


class Origin(NamedTuple):
    """By the hub's names; a path of somebody's disk says nothing to others, and is left out."""

    base_model: str | None = None
    language: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()


def origin_of(checkpoint: Checkpoint) -> Origin:
    """By its recipe and, where there is none or it does not say, by the card beside it."""
    beside = origin_in(Path(checkpoint.source) / CARD)
    recipe = checkpoint.recipe
    if recipe is None:
        return beside
    data = _hub_name(recipe.data.train)
    return Origin(
        base_model=_hub_name(getattr(recipe.model, "base", None)) or beside.base_model,
        language=beside.language,
        datasets=(data,) if data else beside.datasets,
    )


def origin_in(card: Path) -> Origin:
    """What a card's metadata says; nothing, where there is none or it cannot be read."""
    try:
        values = (metadata_load(card) if card.is_file() else None) or {}
    except (OSError, ValueError):
        return Origin()
    return Origin(
        base_model=next(iter(_names(values, "base_model")), None),
        language=_names(values, "language"),
        datasets=_names(values, "datasets"),
    )


def _names(values: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = values.get(key) or ()
    return tuple(map(str, found)) if isinstance(found, list) else (str(found),) if found else ()


def _hub_name(given: str | None) -> str | None:
    """A name on the hub: `owner/name` or `name`, and no file or folder here."""
    if not given or Path(given).is_absolute() or Path(given).exists() or given.count("/") > 1:
        return None
    return None if Path(given).suffix in _FILES or given.startswith(".") else given


_FILES = (".tsv", ".csv", ".jsonl", ".json", ".parquet", ".txt", ".conll", ".gz", ".zst")
