"""What of a vocabulary it takes to spell any text that all of it spells.

One class for each kind of model in a `tokenizer.json` (WordPiece, BPE, Unigram). A text whose
tokens are all kept is read as before: each kind takes its best pieces, and fewer rivals change
nothing of that.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Protocol

from training.errors import RecipeError


class Speller(Protocol):
    """A model's vocabulary.

    Attributes:
        ordered: ids of tokens of several characters, the most frequent ones first.
    """

    ordered: list[int]

    def closed(self, ids: Iterable[int]) -> set[int]:
        """The ids, and those without which some text could not be spelt, or not these."""

    def keep(self, new: Mapping[int, int]) -> None:
        """Leaves in the model, as `tokenizer.json` has it, the tokens that have a new id."""


def speller(model: dict[str, Any]) -> Speller:
    """Whatever knows a model of that kind.

    Raises:
        RecipeError: none does.
    """
    match model.get("type"):
        case "WordPiece":
            return _WordPiece(model)
        case "BPE" if not (
            model.get("continuing_subword_prefix")
            or model.get("end_of_word_suffix")
            or model.get("ignore_merges")
        ):
            return _Bpe(model)
        case "Unigram":
            return _Unigram(model)
    raise RecipeError(
        f'pruning.vocabulary = "data" cuts WordPiece, BPE and Unigram tokenizers, and this one is '
        f'{model.get("type")}, or joins its pieces in a way of its own: take vocabulary = "all"'
    )


class _WordPiece:
    """Longest piece first; what stands for a single character ends every word."""

    def __init__(self, model: dict[str, Any]) -> None:
        self._model = model
        self._prefix: str = model["continuing_subword_prefix"]
        vocabulary: dict[str, int] = model["vocab"]
        self._needed = {
            token for piece, token in vocabulary.items() if not self._spelt(piece, vocabulary)
        }
        named = {one for piece, one in vocabulary.items() if piece[0] + piece[-1] in ("[]", "<>")}
        self.ordered = sorted({*vocabulary.values()} - self._needed - named)

    def _spelt(self, piece: str, vocabulary: Mapping[str, int]) -> bool:
        """Whether smaller pieces can do what it does."""
        within = piece.startswith(self._prefix)
        letters = piece.removeprefix(self._prefix)
        if len(letters) < 2:
            return False
        first = self._prefix + letters[0] if within else letters[0]
        pieces = [first, *(self._prefix + one for one in letters[1:])]
        return all(one in vocabulary for one in pieces)

    def closed(self, ids: Iterable[int]) -> set[int]:
        return {*ids, *self._needed}

    def keep(self, new: Mapping[int, int]) -> None:
        vocabulary = self._model["vocab"]
        self._model["vocab"] = {
            piece: new[token] for piece, token in vocabulary.items() if token in new
        }


class _Bpe:
    """Pairs are merged by rank: a token needs the merges, and the tokens, that it is made by."""

    def __init__(self, model: dict[str, Any]) -> None:
        self._model = model
        self._vocabulary: dict[str, int] = model["vocab"]
        self._pieces = {token: piece for piece, token in self._vocabulary.items()}
        self._merges = [
            tuple(one.split(" ", 1)) if isinstance(one, str) else tuple(one)
            for one in model["merges"]
        ]
        self._ranks = {pair: rank for rank, pair in enumerate(self._merges)}
        made = {self._vocabulary[first + second] for first, second in self._merges}
        self._needed = {*self._vocabulary.values()} - made
        self.ordered = sorted(made)

    def closed(self, ids: Iterable[int]) -> set[int]:
        found = set(self._needed)
        for token in ids:
            found |= {token, *self._parts(self._pieces[token])}
        return found

    def _parts(self, piece: str) -> set[int]:
        """The tokens that a piece goes through as its characters are merged."""
        parts, found = [*piece], set[int]()
        while len(parts) > 1:
            pairs = list(pairwise(parts))
            best = min(pairs, key=lambda pair: self._ranks.get(pair, len(self._ranks)))
            if best not in self._ranks:
                break
            place = pairs.index(best)
            parts[place : place + 2] = [best[0] + best[1]]
            found.add(self._vocabulary[parts[place]])
        return found

    def keep(self, new: Mapping[int, int]) -> None:
        known = self._vocabulary

        def stays(first: str, second: str) -> bool:
            return all(known[piece] in new for piece in (first, second, first + second))

        self._model["vocab"] = {piece: new[one] for piece, one in known.items() if one in new}
        self._model["merges"] = [list(pair) for pair in self._merges if stays(*pair)]


class _Unigram:
    """The likeliest pieces; a character that is no piece by itself keeps those that hold it."""

    def __init__(self, model: dict[str, Any]) -> None:
        self._model = model
        pieces = [piece for piece, _ in model["vocab"]]
        single = {piece for piece in pieces if len(piece) == 1}
        self._needed = {
            token
            for token, piece in enumerate(pieces)
            if len(piece) == 1 or not single.issuperset(piece) or token == model.get("unk_id")
        }
        self.ordered = sorted({*range(len(pieces))} - self._needed)

    def closed(self, ids: Iterable[int]) -> set[int]:
        return {*ids, *self._needed}

    def keep(self, new: Mapping[int, int]) -> None:
        vocabulary = self._model["vocab"]
        unknown = self._model.get("unk_id")
        self._model["vocab"] = [one for token, one in enumerate(vocabulary) if token in new]
        self._model["unk_id"] = None if unknown is None else new[unknown]
