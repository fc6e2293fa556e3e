"""Words with tags as one text with spans of characters: the words joined by single spaces."""

from collections.abc import Sequence
from itertools import pairwise

from training.data.tags.schemes import Scheme
from training.data.tags.tagged import OUTSIDE, Span, Spans


def text_of_words(words: Sequence[str], tags: Sequence[str], scheme: Scheme) -> tuple[str, Spans]:
    """A sentence's text and its entities; a word of nothing is left out.

    Raises:
        ValueError: words and tags are not as many, or an entity is of nothing.
    """
    if len(words) != len(tags):
        raise ValueError(f"{len(words)} words have {len(tags)} tags: each needs one")
    said = [(word, tag) for word, tag in zip(words, tags, strict=True) if word.strip()]
    if len(said) < len(words):
        place = next(
            (at for at, word in enumerate(words) if not word.strip() and tags[at] != OUTSIDE), None
        )
        if place is not None:
            raise ValueError(f"its word {place + 1} is empty, and has the tag {tags[place]!r}")
    starts, at = [], 0
    for word, _ in said:
        starts.append(at)
        at += len(word) + 1
    spans = [
        Span(starts[start], starts[end - 1] + len(said[end - 1][0]), kind)
        for start, end, kind in scheme.chunks([tag for _, tag in said])
    ]
    return " ".join(word for word, _ in said), tuple(spans)


def checked_spans(text: str, spans: Sequence[Span]) -> Spans:
    """Spans in their order, white space at their ends left off, each once.

    Raises:
        ValueError: one is outside the text, of nothing, or over another.
    """
    found = []
    for span in sorted(set(spans)):
        if 0 <= span.end <= span.start:
            raise ValueError(
                f"the span {span.start} to {span.end} ({span.label}) holds no character: its end "
                "is the place after its last one"
            )
        if not 0 <= span.start < span.end <= len(text):
            raise ValueError(
                f"the span {span.start} to {span.end} ({span.label}) is not inside its text of "
                f"{len(text)} characters"
            )
        part = text[span.start : span.end]
        if not part.strip():
            raise ValueError(f"the span {span.start} to {span.end} ({span.label}) is of no word")
        start = span.start + len(part) - len(part.lstrip())
        found.append(Span(start, start + len(part.strip()), span.label))
    for one, other in pairwise(found):
        if other.start < one.end:
            raise ValueError(
                f"the spans {one.start} to {one.end} ({one.label}) and {other.start} to "
                f"{other.end} ({other.label}) overlap, and a token has one label: take one out"
            )
    return tuple(found)
