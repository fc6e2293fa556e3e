"""Tags of words as entities, in whichever scheme a file writes them.

IOB1, IOB2, IOE, BILOU and IOBES mark where entities begin and end; IO names their types alone, so
that two that touch are one. All are read as conlleval reads them (Tjong Kim Sang and De Meulder
2003, and seqeval after it): an I- that nothing of its type precedes begins an entity.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from training.data.tags.tagged import OUTSIDE

MARKED = re.compile(r"([A-Z])-(.+)")
MARKED_BEHIND = re.compile(r"(.+)-([BILUESM])")
SAME = {"L": "E", "U": "S"}  # of BILOU, as IOBES has it
KNOWN = frozenset("BIESLU")


class Chunk(NamedTuple):
    """An entity in words: from the word `start` to before `end`; its type."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class Scheme:
    """How the tags of a file are read.

    Attributes:
        marked: each tag but O has a mark before its type, as B-person; else it is the type.
    """

    marked: bool

    @classmethod
    def of(cls, tags: Iterable[str]) -> "Scheme":
        """The scheme of all tags of a file.

        Args:
            tags: each different one.

        Raises:
            ValueError: it is none that is understood; the message names it.
        """
        named = sorted({tag for tag in tags if tag != OUTSIDE})
        marks = {found[1] for tag in named if (found := MARKED.fullmatch(tag))}
        bare = [tag for tag in named if not MARKED.fullmatch(tag)]
        if several := next((tag for tag in named if "," in tag or "|" in tag), None):
            raise ValueError(
                f"the tag {several!r} holds those of several annotators: give a file in which "
                "they are settled"
            )
        if marks and bare:
            raise ValueError(f"some tags have a mark, such as B-, and others none: {bare[0]!r}")
        if unknown := sorted(marks - KNOWN):
            raise ValueError(
                f"tags marked {unknown[0]}- are of no scheme that is read: IOB1, IOB2, BILOU, "
                "IOBES and IO are"
            )
        behind = [tag for tag in bare if MARKED_BEHIND.fullmatch(tag)]
        if bare and len(behind) == len(bare):
            raise ValueError(
                f"tags such as {bare[0]!r} have their mark behind the type: write it before, as B-X"
            )
        return cls(marked=bool(marks))

    def chunks(self, tags: Sequence[str]) -> list[Chunk]:
        """The entities of one sentence's tags."""
        return chunks_of([tag if self.marked or tag == OUTSIDE else f"I-{tag}" for tag in tags])


def chunks_of(tags: Sequence[str]) -> list[Chunk]:
    """The entities of marked tags, as conlleval and seqeval take them."""
    found = []
    before, kind, start = "O", "", 0
    for place, tag in enumerate([*tags, OUTSIDE]):
        mark, _, name = tag.partition("-")
        mark = SAME.get(mark, mark)
        if before != "O" and (mark in "OBS" or before in "ES" or name != kind):
            found.append(Chunk(start, place, kind))
            before = "O"
        if mark != "O":
            if before == "O":
                start = place
            kind = name
        before = mark
    return found
