"""Capitals for a model that reads lower case: a mark goes on with each word that had some.

An uncased tokeniser throws away what tells many names from other words. Here its normaliser first
puts a sign behind each word with a capital, and the vocabulary spells that sign as a word piece,
so that a word's other tokens, and the places of all, stay what they were. All of it is in
`tokenizer.json`: whoever reads that file reads the marks. Knows no models.
"""

import json
from typing import Any

from tokenizers import Regex, Tokenizer, normalizers
from transformers import PreTrainedTokenizerFast

from training.errors import RecipeError

SOME, ALL = "⇧", "⇪"  # behind a word of which some letters are capitals, or all
UNUSED = ("[unused0]", "[unused1]")  # words that BERT's vocabularies have no use for
_PART = r"[\p{L}\p{M}\p{N}]"  # of a word


def mark_capitals(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """A tokeniser like the one given, that reads a mark behind each word with a capital.

    A word of one letter gets none. The rows of `UNUSED` become those of the marks, so that a
    model's embeddings keep their size.

    Raises:
        RecipeError: it knows capitals already, or has not the rows.
    """
    source = tokenizer.name_or_path
    backend = tokenizer.backend_tokenizer
    spelt = json.loads(backend.to_str())
    if backend.normalizer is None or backend.normalizer.normalize_str("Aa") != "aa":
        raise RecipeError(
            f'model.capitals = "marked": the tokenizer of {source} tells capitals from small '
            "letters, or reads marks already: leave it out"
        )
    vocabulary: Any = spelt["model"].get("vocab")
    prefix = spelt["model"].get("continuing_subword_prefix")
    if spelt["model"]["type"] != "WordPiece" or any(row not in vocabulary for row in UNUSED):
        raise RecipeError(
            'model.capitals = "marked" needs a vocabulary of word pieces with '
            f"{' and '.join(UNUSED)}, as BERT's uncased models have, and that of {source} has "
            "none: leave it out"
        )
    for row, sign in zip(UNUSED, (SOME, ALL), strict=True):
        vocabulary[prefix + sign] = vocabulary.pop(row)
    marked = Tokenizer.from_str(json.dumps(spelt))
    marked.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(_behind_words(rf"(?!{_PART}*\p{{Ll}})"), ALL),
            normalizers.Replace(_behind_words(rf"(?={_PART}*\p{{Ll}})"), SOME),
            backend.normalizer,
        ]
    )
    # Not the class that was given: BERT's own builds its normaliser anew when it is read.
    return PreTrainedTokenizerFast(
        tokenizer_object=marked,
        name_or_path=source,
        model_max_length=tokenizer.model_max_length,
        model_input_names=tokenizer.model_input_names,
        padding_side=tokenizer.padding_side,
        truncation_side=tokenizer.truncation_side,
        **tokenizer.special_tokens_map,
    )


def _behind_words(of: str) -> Regex:
    """Matches nothing, behind each word of two characters or more that has a capital.

    Args:
        of: what else has to be true of it, looking ahead from its first character.
    """
    return Regex(rf"(?<!{_PART})(?={_PART}*\p{{Lu}}){of}{_PART}{{2,}}\K")
