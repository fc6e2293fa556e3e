"""Writes the pages again: `python -m tests.docs.reference`, or `make reference`."""

from pathlib import Path

from tests.docs.reference.pages import PAGES

FOLDER = Path(__file__).parents[3] / "docs" / "reference"


def main() -> None:
    """Writes every page into docs/reference/."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
