"""What a point needs: a repository with the model's copies, and the bodies that are sent."""

import json
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from benchmarks.growth.copies import Change, copy
from benchmarks.growth.lengths import texts_of
from benchmarks.growth.plan import CLASSES, LENGTHS, MODELS, VALUES, Point

LONG_TEXTS = 64  # of each length
SEED = 20  # of the order of texts


def lay_out(point: Point, version: Path, repository: Path) -> tuple[str, ...]:
    """Writes the repository of a point.

    Args:
        version: the directory of the model's version.
        repository: an empty directory.

    Returns:
        the names of the models in it, all to be asked.

    Raises:
        CopyUnfit: the model cannot be changed as the point asks.
        OSError: a file cannot be read or written.
    """
    names: tuple[str, ...] = (point.model,)
    if point.dimension == MODELS:
        names = tuple(f"{point.model}-{number + 1}" for number in range(point.value))
    for name in names:
        change = Change(
            name,
            max_length=max(VALUES[LENGTHS]) if point.dimension == LENGTHS else None,
            classes=point.value if point.dimension == CLASSES else None,
        )
        copy(version, change, repository)
    return names


def bodies(
    point: Point, names: Sequence[str], sentences: Sequence[str], tokenizer: Path
) -> list[str]:
    """JSON bodies of `POST /predict`, to be sent in turn.

    No text may be cut, so that one which is too long is refused and the point fails.

    Args:
        names: of the models, asked in turn.
        sentences: real ones.
        tokenizer: the model's `tokenizer.json`.

    Raises:
        TextsUnfit: texts of the point's length cannot be made.
    """
    texts = list(sentences)
    if point.dimension == LENGTHS:
        texts = texts_of(_open(tokenizer), sentences, point.value, LONG_TEXTS, SEED)
    size = point.texts_a_request
    requests = [
        [texts[(start + offset) % len(texts)] for offset in range(size)]
        for start in range(0, size * len(texts), size)
    ]
    return [
        json.dumps({"inputs": inputs, "model": name, "truncate": False})
        for inputs in requests
        for name in names
    ]


def _open(path: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
