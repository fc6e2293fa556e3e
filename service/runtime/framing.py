"""What a tokeniser puts around a text or a pair, and what of them it puts it around.

Knows ids alone, and neither text nor vocabulary.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

from tokenizers import Tokenizer as Backend

from service.errors import InvalidInput
from service.repository.sections import Windows
from service.runtime.model import Item, Pair, Place
from service.runtime.spans import Strategy, cut, shares, windows_of

PROBES = 100  # words of the vocabulary that are tried, until one is no special token


class Frame(NamedTuple):
    """The special ids around one text.

    Attributes:
        before: what comes first.
        after: what comes last.
    """

    before: list[int]
    after: list[int]

    @property
    def size(self) -> int:
        """How many special tokens there are."""
        return len(self.before) + len(self.after)


class PairFrame(NamedTuple):
    """The special ids around two texts, and the token type of each part.

    Attributes:
        before: what comes before the first text.
        between: what comes between the two.
        after: what comes last.
        types: of `before`, the first text, `between`, the second and `after`; each id's own
            where it is special. None: all are 0.
    """

    before: list[int]
    between: list[int]
    after: list[int]
    types: tuple[list[int], int, list[int], int, list[int]] | None

    @property
    def size(self) -> int:
        """How many special tokens there are."""
        return len(self.before) + len(self.between) + len(self.after)

    def ids(self, first: list[int], second: list[int]) -> list[int]:
        """The tokens of a pair."""
        return [*self.before, *first, *self.between, *second, *self.after]

    def type_ids(self, first: int, second: int) -> list[int] | None:
        """The token types of a pair of so many tokens each; None: all are 0."""
        if self.types is None:
            return None
        before, of_first, between, of_second, after = self.types
        return [*before, *[of_first] * first, *between, *[of_second] * second, *after]


class NoRoom(ValueError):
    """A text of a pair alone leaves no room for the other.

    Args:
        input: the pair.
    """

    def __init__(self, message: str, input: Pair) -> None:  # noqa: A002  as it is called
        super().__init__(message)
        self.input = input


class Framing:
    """Makes items of the ids of texts: cuts them or makes windows, and adds special tokens.

    Args:
        backend: without truncation and padding.
        max_length: tokens of an item, special ones included.
        strategy: which text of a pair that is too long is cut.
        from_end: a text's last tokens are kept, and not its first.
        nothing: stands for a text that has no token at all.
    """

    def __init__(
        self, backend: Backend, max_length: int, strategy: Strategy, nothing: int, *, from_end: bool
    ) -> None:
        self._frame = frame_of(backend)
        self._pair_frame = pair_frame_of(backend)
        self._room = max(0, max_length - self._frame.size)
        self._strategy: Strategy = strategy
        self._nothing = nothing
        self._from_end = from_end
        pair = self._pair_frame
        self.pair_room = 0 if pair is None else max(0, max_length - pair.size)

    @property
    def special_ids(self) -> list[int]:
        """Those that are put around a text."""
        return [*self._frame.before, *self._frame.after]

    def items(self, tokens: Sequence[list[int]]) -> list[Item]:
        """An item of each text, cut where it is too long."""
        (before, after), room = self._frame, self._room
        items = []
        for ids in tokens:
            over = len(ids) > room
            if over:
                ids = ids[cut(len(ids), room, from_end=self._from_end)]
            items.append(Item([*before, *ids, *after] or [self._nothing], over))
        return items

    def parts(self, length: int, windows: Windows | None) -> list[slice]:
        """Which of a text's tokens are read: those of each window, or what is left of it.

        Raises:
            InvalidInput: the windows have no room for anything but what they share.
        """
        if windows is None:
            return [cut(length, self._room, from_end=self._from_end)]
        if windows.stride >= self._room:
            raise InvalidInput(
                f"windows.stride of {windows.stride} is too much: a window has {self._room} tokens "
                "of text, and has to share fewer with the one before it"
            )
        return windows_of(length, self._room, windows.stride, from_end=self._from_end)

    def windows(self, ids: list[int], windows: Windows) -> Item:
        """The item of a text, read in windows."""
        return chained([self.part(ids[part]) for part in self.parts(len(ids), windows)])

    def part(self, ids: list[int], *, truncated: bool = False) -> Item:
        """An item of ids that have room."""
        return Item([*self._frame.before, *ids, *self._frame.after] or [self._nothing], truncated)

    def around(self, places: Sequence[Place]) -> list[Place | None]:
        """The places of `part`'s tokens, of special ones None."""
        before, after = self._frame
        return [*[None] * len(before), *places, *[None] * len(after)] or [None]

    def pair(self, pair: Pair, first: list[int], second: list[int]) -> Item:
        """The item of a pair, cut where it is too long.

        Raises:
            NoRoom: the text that is not to be cut leaves no room for the other.
        """
        try:
            kept = shares(len(first), len(second), self.pair_room, self._strategy)
        except ValueError:
            whole = "text_pair" if self._strategy == "only_first" else "text"
            raise NoRoom(
                f"its {whole} leaves no room for its other text, and is not to be cut: of both "
                f"together {self.pair_room} tokens are read",
                pair,
            ) from None
        one, other = (
            ids[cut(len(ids), most, from_end=self._from_end)]
            for ids, most in zip((first, second), kept, strict=True)
        )
        return self._both(one, other, truncated=kept != (len(first), len(second)))

    def pair_windows(
        self, pair: Pair, first: list[int], second: list[int], windows: Windows
    ) -> Item:
        """The item of a pair, read in windows of its second text, each with the whole first.

        Raises:
            NoRoom: the first leaves no room for them.
        """
        room = self.pair_room - len(first)
        if windows.stride >= room and len(second) > room:
            raise NoRoom(
                f"its text has {len(first)} tokens, and stands in every window, of which each has "
                f"{self.pair_room} for both texts: that leaves no room for windows that share "
                f"{windows.stride}",
                pair,
            )
        parts = [slice(0, len(second))]
        if len(second) > room:
            parts = windows_of(len(second), room, windows.stride, from_end=self._from_end)
        return chained([self._both(first, second[part]) for part in parts])

    def _both(self, first: list[int], second: list[int], *, truncated: bool = False) -> Item:
        frame = self._pair_frame
        if frame is None:
            raise InvalidInput("the model's tokenizer reads no pairs")
        ids = frame.ids(first, second) or [self._nothing]
        return Item(ids, truncated, frame.type_ids(len(first), len(second)))


def chained(windows: Sequence[Item]) -> Item:
    """The first of an input's windows, with the others."""
    windows[0].more = tuple(windows[1:])
    return windows[0]


def frame_of(backend: Backend) -> Frame:
    """What a tokeniser without truncation and padding puts around one text."""
    for probe in _probes(backend):
        found = backend.encode(probe)
        places = [place for place, of in enumerate(found.sequence_ids) if of == 0]
        if places:
            return Frame(found.ids[: places[0]], found.ids[places[-1] + 1 :])
    return Frame(backend.encode("").ids, [])


def pair_frame_of(backend: Backend) -> PairFrame | None:
    """What it puts around two texts; None: it does not read them one after the other."""
    for probe in _probes(backend):
        found = backend.encode(probe, probe)
        of, ids, types = found.sequence_ids, found.ids, found.type_ids
        first = [place for place, one in enumerate(of) if one == 0]
        second = [place for place, one in enumerate(of) if one == 1]
        if not first or not second:
            continue
        if first[-1] > second[0]:
            return None
        start, middle, end = first[0], slice(first[-1] + 1, second[0]), second[-1] + 1
        parts = (types[:start], types[start], types[middle], types[second[0]], types[end:])
        return PairFrame(ids[:start], ids[middle], ids[end:], parts if any(types) else None)
    return None


def _probes(backend: Backend) -> Iterator[str]:
    """Texts, one of which has a token, if the tokeniser has any."""
    return chain(("a",), islice(backend.get_vocab(with_added_tokens=False), PROBES))
