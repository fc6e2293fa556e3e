"""Rows of JSON lines, Parquet and sets of the hub: words with tags, or texts with spans."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.data.tags.tagged import Span
from training.errors import DataError

WORDS, TAGS = ("tokens", "words"), ("tags", "ner_tags", "labels")
TEXTS, SPANS = ("text", "sentence", "content"), ("spans", "entities", "labels")


@dataclass(frozen=True)
class Columns:
    """Where a row has its text and its labels.

    Attributes:
        words: the text's column holds a list of words, and the other a tag for each.
    """

    text: str
    labels: str
    words: bool

    @classmethod
    def choose(
        cls, source: str, first: Mapping[str, Any], text: str | None, labels: str | None
    ) -> "Columns":
        """The columns of rows like `first`.

        Args:
            text, labels: their names; None: the usual.

        Raises:
            DataError: one is not there.
        """
        found = text or next((name for name in (*WORDS, *TEXTS) if name in first), None)
        words = found is not None and isinstance(first.get(found), list | tuple)
        usual = TAGS if words else SPANS
        tagged = labels or next((name for name in usual if name in first), None)
        if found not in first or tagged not in first:
            raise DataError(
                f"{source} has columns {sorted(first)}: give `tokens` and `tags`, or `text` and "
                "`spans`, or name yours by data.text_column and data.label_column"
            )
        assert found is not None
        assert tagged is not None
        return cls(found, tagged, words)


def words_of(record: Mapping[str, Any], columns: Columns) -> tuple[list[str], list[Any]]:
    """The words and the tags of a row.

    Raises:
        ValueError: they are no lists of strings.
    """
    words, tags = record.get(columns.text), record.get(columns.labels)
    if not _strings(words):
        raise ValueError(f"{columns.text} is {words!r:.60}, and no list of words")
    if not isinstance(tags, Sequence) or isinstance(tags, str):
        raise ValueError(f"{columns.labels} is {tags!r:.60}, and no list of tags")
    return list(words or ()), list(tags)


def spans_of(record: Mapping[str, Any], columns: Columns) -> tuple[str, list[Span]]:
    """The text and the spans of a row.

    Raises:
        ValueError: one is no text, or no span.
    """
    text, spans = record.get(columns.text), record.get(columns.labels)
    if text is not None and not isinstance(text, str):
        raise ValueError(f"{columns.text} is {text!r:.60}, and no text")
    if not isinstance(spans, Sequence) or isinstance(spans, str):
        raise ValueError(f"{columns.labels} is {spans!r:.60}, and no list of spans")
    return text or "", list(_spans(spans))


def _spans(spans: Sequence[Any]) -> Iterator[Span]:
    for span in spans:
        values = span
        if isinstance(span, Mapping):
            values = [span.get(name) for name in ("start", "end", "label")]
        if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != 3:
            raise ValueError(f"{span!r:.80} is no span: give start, end and label")
        start, end, label = values
        whole = all(
            isinstance(value, int) and not isinstance(value, bool) for value in (start, end)
        )
        if not whole or not isinstance(label, str) or not label.strip():
            raise ValueError(
                f"{span!r:.80} is no span: start and end are numbers of characters, label a name"
            )
        yield Span(start, end, label.strip())


def _strings(values: Any) -> bool:
    listed = isinstance(values, Sequence) and not isinstance(values, str)
    return listed and all(isinstance(value, str) for value in values)
