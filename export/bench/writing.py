"""Writes a comparison into a folder of its own: JSON, Markdown and the picture."""

import tempfile
from pathlib import Path

from export.bench.plot import svg
from export.bench.results import Bench
from export.bench.table import markdown
from export.errors import ExportError

JSON_NAME, TABLE_NAME, PLOT_NAME = "bench.json", "bench.md", "bench.svg"


def refuse_folder(folder: Path) -> None:
    """Raises ExportError where something is there already: nothing is written over."""
    if folder.exists():
        raise ExportError(f"{folder} is there already: name a folder that is not")


def write(found: Bench, folder: Path) -> None:
    """Writes all files, whole or none.

    Raises:
        ExportError: the folder is there.
    """
    refuse_folder(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as hidden:
        staging = Path(hidden) / "bench"
        staging.mkdir()
        table = f"{markdown(found)}\n![{PLOT_NAME}]({PLOT_NAME})\n"
        (staging / JSON_NAME).write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (staging / TABLE_NAME).write_text(table, encoding="utf-8")
        (staging / PLOT_NAME).write_text(svg(found), encoding="utf-8")
        refuse_folder(folder)
        staging.rename(folder)
