"""Unlabelled text for a teacher to label: cut, drawn, and clear of what is held out."""

import hashlib
import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from service.runtime.model import Input
from training.data.inputs import even, halves, spelt
from training.data.loading import load_texts
from training.data.splitting.overlap import HeldOut
from training.data.splitting.spans import IS_UNSPACED
from training.errors import DataError, RecipeError
from training.recipe.data import Data
from training.recipe.teaching import Transfer
from training.telling import tell

SENTENCE_END = re.compile(r"(?<=[.!?])[\s\"')]*\s+|(?<=[。！？])[」』”’）]*\s*")  # noqa: RUF001
AT_ONCE = 65_536  # pieces in memory at a time, beside those that are drawn
A_WORD = 2  # characters, where a language puts no spaces between words


def load_transfer_text(
    transfer: Transfer,
    data: Data,
    seed: int,
    held_out: HeldOut | None = None,
    *,
    pairs: bool = False,
) -> list[Input]:
    """Draws texts without labels, each once; the seed says which, not the order of the file.

    Args:
        data: the column of text, where `transfer` names none.
        pairs: whether pairs are wanted, which are drawn whole.
        held_out: texts that nothing may be learnt from; what gives one away is not drawn.

    Raises:
        DataError: the source or its column of text is not there, or nothing fits.
        RecipeError: parts of pairs are asked for.
    """
    unit = transfer.unit or ("whole" if pairs else "sentence")
    if pairs and unit != "whole":
        raise RecipeError(
            f"distillation.transfer.unit is {unit}, and pairs are drawn whole: leave it out"
        )
    columns = Data(
        text_column=transfer.text_column or data.text_column,
        text_pair_column=transfer.text_pair_column or (data.text_pair_column if pairs else None),
        pairs=pairs,
        config=transfer.config,
        train_split=transfer.split,
    )
    least, most = transfer.words(unit)
    pieces = _pieces(load_texts(transfer.source, columns), unit)
    fitting = (piece for piece in pieces if least <= words_of(piece) <= most)
    drawn: dict[bytes, Input] = {}
    left_out = seen = 0
    while part := list(islice(fitting, AT_ONCE)):
        seen += len(part)
        if held_out is not None:
            part, told = held_out.without(part)
            left_out += told
        drawn |= {_rank(piece, seed): piece for piece in part}
        if len(drawn) > transfer.size:
            drawn = dict(heapq.nsmallest(transfer.size, drawn.items()))
    if not seen:
        limits = f"{least} to {most} words" if most < float("inf") else f"{least} words or more"
        raise DataError(
            f"{transfer.source}: no {'pair' if pairs else unit} of {limits}: set "
            "distillation.transfer.unit, min_words and max_words"
        )
    if left_out:
        tell(
            f"{transfer.source}: {left_out} of {seen} texts are held-out or test texts, or a part "
            "of one, and are left out"
        )
    if not drawn:
        raise DataError(f"{transfer.source}: all of its texts are held-out or test texts")
    return [drawn[rank] for rank in sorted(drawn)]


def words_of(one: Input) -> int:
    """Words of a text or pair, guessed from characters where no spaces tell them."""
    return sum(map(_words_of, halves(one)))


def _words_of(text: str) -> int:
    if text.isascii():
        return len(text.split())
    unspaced = len(IS_UNSPACED.findall(text))
    return len(IS_UNSPACED.sub(" ", text).split()) + -(-unspaced // A_WORD)


def _pieces(texts: Iterable[Input], unit: str) -> Iterator[Input]:
    for text in texts:
        found: Sequence[Input] = [text]
        if unit == "sentence":
            found = SENTENCE_END.split(str(text))
        elif unit == "line":
            found = str(text).splitlines()
        for piece in map(even, found):
            if all(halves(piece)):
                yield piece


def _rank(text: Input, seed: int) -> bytes:
    """An order that the seed gives, the same in every process."""
    return hashlib.blake2b(spelt(text).encode(), digest_size=16, key=str(seed).encode()).digest()
