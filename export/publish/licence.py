"""A model's licence: its owner's, read from the model card or asked for, never assumed."""

from collections.abc import Callable
from pathlib import Path

from huggingface_hub import ModelCard
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.repocard import metadata_load

from export.errors import ExportError

CARD = "README.md"
OTHER = "other"  # the hub's word for a licence that has a name of its own


def licence_for(source: str, given: str | None, ask: Callable[[], str] | None = None) -> str:
    """The licence to publish under.

    Args:
        source: the checkpoint, a directory or a hub id.
        given: by the user; it wins.
        ask: asks a user who is there; None: nobody is.

    Raises:
        ExportError: nobody says.
    """
    found = given or card_licence(source) or (ask() if ask else None)
    if not found or not found.strip():
        raise ExportError(
            f"no licence is known of {source}: its model card ({CARD}) names none; say which with "
            "--licence, such as --licence Apache-2.0"
        )
    return found.strip()


def card_licence(source: str) -> str | None:
    """What a model card's metadata says; None where there is no card or it says nothing."""
    try:
        if Path(source).exists():
            card = Path(source) / CARD
            values = metadata_load(card) if card.is_file() else None
        else:
            values = ModelCard.load(source).data.to_dict()
    except (OSError, ValueError, HfHubHTTPError):
        return None
    found = (values or {}).get("license")
    if found == OTHER:
        found = (values or {}).get("license_name", OTHER)
    if isinstance(found, list):
        found = " AND ".join(map(str, found))
    return str(found) if found else None
