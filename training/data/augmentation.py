"""Altered copies of training texts, for a teacher to label (Tang et al. 2019, arXiv:1903.12136).

Knows nothing of tokens or models; a masked word is a mark that each tokeniser spells its way.
"""

import random
from collections.abc import Sequence

from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerFast

from training.errors import RecipeError
from training.recipe.teaching import Augmentation

MASK = "\ue000"  # of Unicode's private use area, so that no text has it
LONGEST_NGRAM = 5


def augment(texts: Sequence[str], spec: Augmentation, seed: int) -> list[str]:
    """Draws altered copies of each text.

    Word by word, a copy is masked, or a word is replaced by one drawn from all words of
    `texts`, by their frequency; then the whole may be cut to an n-gram of 1 to 5 words. Tang
    replaces by words of the same part of speech: that takes a tagger for each language, which
    is left out here.

    Returns:
        The copies, at most `spec.copies` of each text: those that equal one of `texts` or an
        earlier copy are left out. None is empty. `MASK` stands for a masked word.
    """
    chance = random.Random(seed)  # noqa: S311  no secret
    words = [word for text in texts for word in text.split()]  # drawing from it is by frequency
    known = {" ".join(text.split()) for text in texts}
    copies: list[str] = []
    for text in tqdm(texts, desc="augmentation", unit="text"):
        original = text.split()
        for _ in range(spec.copies):
            copy = " ".join(_altered(original, words, spec, chance))
            if copy not in known:
                known.add(copy)
                copies.append(copy)
    return copies


def _altered(
    original: Sequence[str], words: Sequence[str], spec: Augmentation, chance: random.Random
) -> list[str]:
    copy = []
    for word in original:
        drawn = chance.random()
        if drawn < spec.mask_probability:
            copy.append(MASK)
        elif drawn < spec.mask_probability + spec.replace_probability:
            copy.append(chance.choice(words))
        else:
            copy.append(word)
    if chance.random() < spec.ngram_probability:
        size = chance.randint(1, min(LONGEST_NGRAM, len(copy)))
        start = chance.randint(0, len(copy) - size)
        copy = copy[start : start + size]
    return copy


def spell_masks(texts: Sequence[str], tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """The texts with each `MASK` as the tokeniser's own mask token.

    Raises:
        RecipeError: there is a mask to spell, and the tokeniser has no mask token.
    """
    if not any(MASK in text for text in texts):
        return list(texts)
    token = tokenizer.special_tokens_map.get("mask_token")
    if token is None:
        raise RecipeError(
            f"the tokenizer of {tokenizer.name_or_path!r} has no mask token: "
            "set distillation.augmentation.mask_probability = 0"
        )
    return [text.replace(MASK, str(token)) for text in texts]
