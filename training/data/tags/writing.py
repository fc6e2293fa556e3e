"""Writes tagged texts as JSON lines that every command reads again."""

import json
from pathlib import Path

from training.data.tags.tagged import TaggedText
from training.data.writing import check_new, new_file

JSONL = (".jsonl",)


def write_tagged(data: TaggedText, path: Path) -> None:
    """Writes a new file: a row of `text` and `spans` for each text.

    Raises:
        DataError: the path exists, or says that the file has no JSON lines.
    """
    check_new(path, kinds=JSONL)
    with new_file(path) as file:
        for text, spans in zip(data.texts, data.spans, strict=True):
            row = {"text": text, "spans": [span._asdict() for span in spans]}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
