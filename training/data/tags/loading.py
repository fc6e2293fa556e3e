"""Reads tagged sets: CoNLL files, JSON lines, Parquet, and sets of the hub.

Empty texts are left out and counted; what cannot be read is refused with its row.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import datasets

from training.data.sources.files import json_objects, opened
from training.data.sources.sources import TEST_SPLITS, TRAIN_SPLITS, means_a_path
from training.data.sources.tables import dataset_of
from training.data.tags.conll import read_conll
from training.data.tags.records import Columns, spans_of, words_of
from training.data.tags.schemes import Scheme
from training.data.tags.sentences import checked_spans, text_of_words
from training.data.tags.tagged import Span, Spans, TaggedText
from training.errors import DataError
from training.recipe.data import Data
from training.telling import tell

COMPRESSED = ".gz"
P = ParamSpec("P")
T = TypeVar("T")
Named = tuple[str, list[str], list[str]]  # what a row is called in a message, its words and tags
Marked = tuple[str, str, list[Span]]  # as above, its text and spans


def load_tagged_text(
    source: str, data: Data, split: str = "train", types: tuple[str, ...] | None = None
) -> TaggedText:
    """Reads a tagged set.

    Args:
        source: a CoNLL file, JSON lines, a Parquet file, or a set of the hub; files of other
            endings than .jsonl, .json and .parquet are read as CoNLL.
        data: config, splits, columns and labels.
        split: of a set of the hub; "train" and "test" are those that `data` says.
        types: that spans may have, in a model's order; None: those of `data.labels`, or those
            that are found, in the order of their names.

    Raises:
        DataError: the source, a row or a label cannot be used.
    """
    try:
        rows = list(_rows(source, data, split))
    except UnicodeDecodeError as error:
        raise DataError(f"{source} cannot be read: save it as UTF-8 ({error})") from error
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{source} cannot be read: {error}") from error
    kept = [(text, spans) for text, spans in rows if text.strip()]
    if not kept:
        raise DataError(f"{source}: " + ("all of its texts are empty" if rows else "no rows"))
    if len(kept) < len(rows):
        tell(f"{source}: {len(rows) - len(kept)} of {len(rows)} texts are empty, and are left out")
    return _named(source, kept, data.labels, types)


def _named(
    source: str,
    rows: list[tuple[str, Spans]],
    labels: Mapping[str, str] | None,
    types: tuple[str, ...] | None,
) -> TaggedText:
    """The rows with their types as a model calls them."""
    called = labels or {}
    spans = [
        tuple(span._replace(label=called.get(span.label, span.label)) for span in row)
        for _, row in rows
    ]
    found = {span.label for row in spans for span in row}
    if types is None:
        types = tuple(dict.fromkeys(called.values())) if called else tuple(sorted(found))
    if unknown := sorted(found - set(types)):
        raise DataError(
            f"{source} has entities of types {unknown}; the model's are {list(types)}: say which "
            "is which by data.labels, IN_FILE=SERVED"
        )
    if not types:
        raise DataError(f"{source}: no text has an entity, so that there is nothing to learn")
    return TaggedText([text for text, _ in rows], spans, types)


def _rows(source: str, data: Data, split: str) -> Iterator[tuple[str, Spans]]:
    """Texts and their spans, in the source's own labels."""
    path = Path(source).expanduser()
    if not path.is_file():
        if not path.is_dir() and means_a_path(source, path):
            raise DataError(f"no file at {source}")
        given = {"train": data.train_split, "test": data.test_split}.get(split, split)
        usual = TRAIN_SPLITS if split == "train" else TEST_SPLITS
        found = dataset_of(source, data.config, usual if given is None else (given,))
        return _of_records(source, found, data, _classes(found.features))
    suffix = next((part for part in reversed(path.suffixes) if part != COMPRESSED), "").lower()
    if suffix == ".parquet":
        table = datasets.Dataset.from_parquet(str(path))
        return _of_records(source, table, data, _classes(table.features))
    if suffix in (".csv", ".xlsx"):
        raise DataError(
            f"{source}: tags of words come as a CoNLL file, a word and its tag a line; or as JSON "
            "lines with `tokens` and `tags`, or `text` and `spans`"
        )
    with opened(path) as file:
        if suffix in (".jsonl", ".json"):
            return iter(list(_of_records(source, json_objects(file), data, {})))
        sentences = [
            (f"line {one.line}", one.words, one.tags) for one in read_conll(file, data.label_column)
        ]
    return _of_words(sentences)


def _of_records(
    source: str,
    records: Iterable[Mapping[str, Any]],
    data: Data,
    classes: Mapping[str, Callable[[Any], str]],
) -> Iterator[tuple[str, Spans]]:
    rest = iter(records)
    first = next(rest, None)
    if first is None:
        return iter(())
    columns = Columns.choose(source, first, data.text_column, data.label_column)
    rows = ((f"row {number}", row) for number, row in enumerate(chain([first], rest), 1))
    if not columns.words:
        return _of_spans((name, *_at(name, spans_of, row, columns)) for name, row in rows)
    named = classes.get(columns.labels, _name)
    sentences: list[Named] = []
    for name, row in rows:
        words, tags = _at(name, words_of, row, columns)
        sentences.append((name, words, [_at(name, named, tag) for tag in tags]))
    return _of_words(sentences)


def _of_words(sentences: list[Named]) -> Iterator[tuple[str, Spans]]:
    """Of sentences, whose scheme is told by all of their tags together."""
    every: dict[str, str] = {}
    for name, _, tags in sentences:
        for tag in tags:
            every.setdefault(tag, name)
    if "" in every:
        raise ValueError(f"{every['']}: a tag is empty; what is no entity has the tag O")
    scheme = Scheme.of(every)
    return (_at(name, text_of_words, words, tags, scheme) for name, words, tags in sentences)


def _of_spans(rows: Iterable[Marked]) -> Iterator[tuple[str, Spans]]:
    return ((text, _at(name, checked_spans, text, spans)) for name, text, spans in rows)


def _at(name: str, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `read` makes of a row; its error gets the row's name."""
    try:
        return read(*args, **kwargs)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _name(tag: Any) -> str:
    """A tag that is to be a name: of a number nobody says which one it stands for."""
    if not isinstance(tag, str):
        raise ValueError(
            f"{tag!r:.60} is no tag: write the names of the tags (O, B-person), and not numbers"
        )
    return tag


def _classes(features: datasets.Features) -> dict[str, Callable[[Any], str]]:
    """How the columns that list integers of named classes are written out."""
    found: dict[str, Callable[[Any], str]] = {}
    for name, feature in features.items():
        inner = getattr(feature, "feature", None)
        if isinstance(inner, datasets.ClassLabel):
            found[name] = inner.int2str
    return found
