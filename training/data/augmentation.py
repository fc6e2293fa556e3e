"""Altered copies of training texts, for a teacher to label (Tang et al. 2019, arXiv:1903.12136).

Knows nothing of tokens or models; a masked word is a mark that each tokeniser spells its way.
"""

import random
import re
from collections.abc import Iterable, Mapping, Sequence

from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerFast

from service.runtime.model import Input
from training.data.inputs import One, changed, even, halves
from training.data.marks import MASK, masked
from training.data.splitting.overlap import HeldOut
from training.data.splitting.spans import UNSPACED
from training.errors import RecipeError
from training.recipe.teaching import Augmentation
from training.telling import tell

MOST_COPIES = 20
MASK_PROBABILITY = 0.1
LONGEST_NGRAM = 5
MOST_TEXTS = 20_000  # whose words are drawn from
PIECE = re.compile(rf" ?(?:[{UNSPACED}]|[^ {UNSPACED}]+)")


def settled(
    spec: Augmentation, texts: int, others: int, *, masks: bool, labelled: bool
) -> Augmentation:
    """The section with what it leaves open: few texts are copied often, and many not at all.

    Args:
        texts: that copies are drawn from.
        others: rows that are learnt from besides.
        masks: whether student and teachers can read a masked word.
        labelled: whether someone labels the copies, so that they can be learnt from.
    """
    found: dict[str, float] = {}
    if spec.mask_probability is None:
        most = 1 - spec.replace_probability
        found["mask_probability"] = min(MASK_PROBABILITY, most) if masks else 0.0
    if spec.copies is None:
        room = max(0, spec.rows - texts - others) // max(1, texts)
        found["copies"] = min(room, MOST_COPIES) if labelled else 0
    return spec.model_copy(update=found)


def augment(
    texts: Sequence[One], spec: Augmentation, seed: int, held_out: HeldOut | None = None
) -> list[One]:
    """Draws altered copies of each text; of a pair, each of its texts is altered by itself.

    Word by word, a copy is masked, or a word is replaced by one drawn from the words of `texts`,
    by their frequency; then the whole may be cut to an n-gram of 1 to 5 words. Tang replaces by
    words of the same part of speech: that takes a tagger for each language, which is left out
    here. Where a language puts no spaces between words, a character is one.

    Args:
        spec: with nothing left open, see `settled`.
        held_out: texts that nothing may be learnt from; a copy that gives one away is left out.

    Returns:
        The copies, at most `spec.copies` of each text: those that equal one of `texts` or an
        earlier copy are left out. None is empty. `MASK` stands for a masked word.
    """
    assert spec.copies is not None
    chance = random.Random(seed)  # noqa: S311  no secret
    words = _words(texts, chance)  # drawing from it is by frequency
    known = {hash(even(text)) for text in texts}
    copies: list[One] = []
    for text in tqdm(texts, desc="augmentation", unit="text"):
        originals = {half: pieces(half) for half in halves(text)}
        for _ in range(spec.copies):
            copy = _copy(text, originals, words, spec, chance)
            if hash(copy) not in known:
                known.add(hash(copy))
                copies.append(copy)
    if held_out is None:
        return copies
    kept, told = held_out.without(copies)
    if told:
        tell(f"augmentation: {told} copies are a part of held-out texts, and are left out")
    return kept


def pieces(text: str) -> list[str]:
    """The words of a text, each with the blank before it; blanks are made even."""
    return PIECE.findall(" ".join(text.split()))


def _words(texts: Sequence[Input], chance: random.Random) -> list[str]:
    """The words of the texts, or of some of them where they are many."""
    if len(texts) <= MOST_TEXTS:
        some: Iterable[Input] = texts
    else:
        some = (texts[row] for row in sorted(chance.sample(range(len(texts)), MOST_TEXTS)))
    return [piece.strip() for text in some for half in halves(text) for piece in pieces(half)]


def _copy(
    text: One,
    originals: Mapping[str, Sequence[str]],
    words: Sequence[str],
    spec: Augmentation,
    chance: random.Random,
) -> One:
    def altered(half: str) -> str:
        return "".join(_altered(originals[half], words, spec, chance)).strip()

    return changed(text, altered)


def _altered(
    original: Sequence[str], words: Sequence[str], spec: Augmentation, chance: random.Random
) -> list[str]:
    assert spec.mask_probability is not None
    copy = []
    for word in original:
        drawn = chance.random()
        blank = " " if word.startswith(" ") else ""
        if drawn < spec.mask_probability:
            copy.append(blank + MASK)
        elif drawn < spec.mask_probability + spec.replace_probability:
            copy.append(blank + chance.choice(words))
        else:
            copy.append(word)
    if chance.random() < spec.ngram_probability:
        size = chance.randint(1, min(LONGEST_NGRAM, len(copy)))
        start = chance.randint(0, len(copy) - size)
        copy = copy[start : start + size]
    return copy


def reads_masks(tokenizer: PreTrainedTokenizerFast) -> bool:
    """Whether a tokeniser has a token for a masked word."""
    return tokenizer.special_tokens_map.get("mask_token") is not None


def refuse_unread_masks(texts: Sequence[Input], tokenizer: PreTrainedTokenizerFast) -> None:
    """Raises RecipeError where there is a `MASK`, and the tokeniser has no mask token."""
    if masked(texts) and not reads_masks(tokenizer):
        raise RecipeError(
            f"the tokenizer of {tokenizer.name_or_path!r} has no mask token: "
            "set distillation.augmentation.mask_probability = 0"
        )
