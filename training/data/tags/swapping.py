"""Copies of tagged texts whose entities are others of the same type.

A tagger that has few texts learns their names by heart; here a name says less than what stands
around it (mention replacement: Dai and Adel 2020, arXiv:2010.11683). Knows no tokens or models.
"""

import random
from collections.abc import Mapping, Sequence

from training.data.tags.tagged import Span, Spans, TaggedText

Marked = tuple[str, Spans]


def swapped(data: TaggedText, copies: int, seed: int) -> TaggedText:
    """The copies alone, of each text with entities as many as `copies`; none of them twice.

    Each entity's words are drawn from those of all entities of its type, the more often the more
    there are of them, so that some are the entity's own again.
    """
    chance = random.Random(seed)  # noqa: S311  no secret
    words: dict[str, list[str]] = {}
    for text, spans in zip(data.texts, data.spans, strict=True):
        for span in spans:
            words.setdefault(span.label, []).append(text[span.start : span.end])
    known = set(data.texts)
    found: list[Marked] = []
    for text, spans in zip(data.texts, data.spans, strict=True):
        for _ in range(copies if spans else 0):
            copy = _copy(text, spans, words, chance)
            if copy[0] not in known:
                known.add(copy[0])
                found.append(copy)
    return TaggedText([text for text, _ in found], [spans for _, spans in found], data.types)


def _copy(
    text: str, spans: Spans, words: Mapping[str, Sequence[str]], chance: random.Random
) -> Marked:
    parts: list[str] = []
    placed: list[Span] = []
    read = length = 0  # characters of the text, and of the copy
    for span in spans:
        before, drawn = text[read : span.start], chance.choice(words[span.label])
        start = length + len(before)
        length = start + len(drawn)
        parts += [before, drawn]
        placed.append(Span(start, length, span.label))
        read = span.end
    return "".join([*parts, text[read:]]), tuple(placed)
