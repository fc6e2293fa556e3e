"""Unlabelled text for a teacher to label: cut, drawn, and clear of what is held out."""

import hashlib
import heapq
import re
from collections.abc import Iterable, Iterator
from itertools import islice

from training.data.loading import load_texts
from training.data.splitting.overlap import HeldOut
from training.data.splitting.spans import IS_UNSPACED
from training.errors import DataError
from training.recipe.recipe import Data
from training.recipe.teaching import Transfer
from training.telling import tell

SENTENCE_END = re.compile(r"(?<=[.!?])[\s\"')]*\s+|(?<=[。！？])[」』”’）]*\s*")  # noqa: RUF001
AT_ONCE = 65_536  # pieces in memory at a time, beside those that are drawn
A_WORD = 2  # characters, where a language puts no spaces between words


def load_transfer_text(
    transfer: Transfer, data: Data, seed: int, held_out: HeldOut | None = None
) -> list[str]:
    """Draws texts without labels, each once; the seed says which, not the order of the file.

    Args:
        data: the column of text, where `transfer` names none.
        held_out: texts that nothing may be learnt from; what gives one away is not drawn.

    Raises:
        DataError: the source or its column of text is not there, or nothing fits.
    """
    columns = Data(
        text_column=transfer.text_column or data.text_column,
        config=transfer.config,
        train_split=transfer.split,
    )
    least, most = transfer.words
    pieces = _pieces(load_texts(transfer.source, columns), transfer.unit)
    fitting = (piece for piece in pieces if least <= words_of(piece) <= most)
    drawn: dict[bytes, str] = {}
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
            f"{transfer.source}: no {transfer.unit} of {limits}: set "
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


def words_of(text: str) -> int:
    """Words of a text, guessed from its characters where no spaces tell them."""
    if text.isascii():
        return len(text.split())
    unspaced = len(IS_UNSPACED.findall(text))
    return len(IS_UNSPACED.sub(" ", text).split()) + -(-unspaced // A_WORD)


def _pieces(texts: Iterable[str], unit: str) -> Iterator[str]:
    for text in texts:
        if unit == "sentence":
            found = SENTENCE_END.split(text)
        else:
            found = text.splitlines() if unit == "line" else [text]
        for piece in found:
            if even := " ".join(piece.split()):
                yield even


def _rank(text: str, seed: int) -> bytes:
    """An order that the seed gives, the same in every process."""
    return hashlib.blake2b(text.encode(), digest_size=16, key=str(seed).encode()).digest()
