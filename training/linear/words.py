"""A tokeniser of whole words for the linear model, its vocabulary from the training texts.

It splits as BERT's does, at white space and at each mark of punctuation, in lower case and with
accents kept; every other word is unknown. Knows nothing of n-grams.
"""

from collections.abc import Iterable

from tokenizers import Tokenizer as Backend
from tokenizers import models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

PAD_TOKEN, UNKNOWN_TOKEN = SPECIAL = ("[PAD]", "[UNK]")  # their ids are 0 and 1
MOST_WORDS = 2_000_000  # three of them have to fit 63 bits
UNBOUNDED = 10**30  # as transformers writes that there is no length


def learnt_words(texts: Iterable[str], least: int) -> list[str]:
    """The words that occur so many times or more, the most frequent first."""
    backend = _backend({})
    trainer = trainers.WordLevelTrainer(
        vocab_size=MOST_WORDS, min_frequency=least, show_progress=False, special_tokens=[]
    )
    backend.train_from_iterator(texts, trainer)
    vocabulary = backend.get_vocab()
    return sorted(vocabulary, key=vocabulary.__getitem__)


def word_tokenizer(words: Iterable[str]) -> PreTrainedTokenizerFast:
    """The tokeniser of a vocabulary; ids are in the order of the words, after the special ones."""
    vocabulary = {word: place for place, word in enumerate((*SPECIAL, *words))}
    return PreTrainedTokenizerFast(
        tokenizer_object=_backend(vocabulary),
        model_max_length=UNBOUNDED,
        model_input_names=["input_ids", "attention_mask"],
        pad_token=PAD_TOKEN,
        unk_token=UNKNOWN_TOKEN,
    )


def _backend(vocabulary: dict[str, int]) -> Backend:
    backend = Backend(models.WordLevel(vocabulary, unk_token=UNKNOWN_TOKEN))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return backend
