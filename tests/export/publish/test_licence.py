"""Licences: the owner's, from the card or from whoever is asked."""

from pathlib import Path

import pytest

from export.errors import ExportError
from export.publish.licence import card_licence, licence_for


def card(folder: Path, front: str) -> str:
    """A checkpoint's folder with a model card."""
    (folder / "README.md").write_text(f"---\n{front}\n---\n# A model\n")
    return str(folder)


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("license: apache-2.0", "apache-2.0"),
        ("license: other\nlicense_name: gemma", "gemma"),
        ("license: other", "other"),
        ("license: [mit, apache-2.0]", "mit AND apache-2.0"),
        ("language: en", None),
        ("license: ''", None),
    ],
)
def test_card(tmp_path: Path, front: str, expected: str | None) -> None:
    """What the card's metadata names, or nothing."""
    assert card_licence(card(tmp_path, front)) == expected


def test_no_card(tmp_path: Path) -> None:
    """A folder without one, and a card without metadata, say nothing."""
    assert card_licence(str(tmp_path)) is None
    (tmp_path / "README.md").write_text("# A model\n")
    assert card_licence(str(tmp_path)) is None


def test_who_says(tmp_path: Path) -> None:
    """The user first, then the card, then whoever is asked; else it is an error."""
    source = card(tmp_path, "license: mit")
    assert licence_for(source, "BSD-3-Clause") == "BSD-3-Clause"
    assert licence_for(source, None, lambda: "asked") == "mit"
    (tmp_path / "README.md").unlink()
    assert licence_for(source, None, lambda: " asked ") == "asked"
    for ask in (None, lambda: " "):
        with pytest.raises(ExportError, match=r"no licence is known of .*--licence"):
            licence_for(source, None, ask)
