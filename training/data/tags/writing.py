"""Writes tagged texts as JSON lines that every command reads again."""

import json
from pathlib import Path

from training.data.tags.tagged import TaggedText
from training.errors import DataError


def write_tagged(data: TaggedText, path: Path) -> None:
    """Writes a new file: a row of `text` and `spans` for each text.

    Raises:
        DataError: the path exists.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            for text, spans in zip(data.texts, data.spans, strict=True):
                row = {"text": text, "spans": [span._asdict() for span in spans]}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    except FileExistsError as error:
        raise DataError(f"{path} exists: remove it, or choose another --output") from error
