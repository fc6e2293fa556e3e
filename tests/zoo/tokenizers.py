"""Tokenizers for the zoo: each family's own kind, over a few words of the tests' making."""

import json
from typing import Any

import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

hf: Any = transformers  # its types want each option by name
POSITIONS = 64
CORPUS = [
    "the film is good and the cast is great",
    "a dull plot with a weak and tedious scene",
    "this superb moving picture was warm, funny and clever",
    "that awful stale thing was cold and clumsy!",
    "Überraschung élan naïve 電影很好看 日本語の映画 한국어 🎬🔥",
    *("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789 .,;:!?'\"-()"),
]


def byte_bpe(size: int = 400) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of a byte-level BPE over the corpus."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|endoftext|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def unigram(special: list[str]) -> list[tuple[str, float]]:
    """Pieces and scores of a unigram model over the corpus, with the family's special tokens.

    Its training leaves those of one score in another order each time: theirs is that of letters.
    """
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=200, special_tokens=special, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    learnt = json.loads(tokenizer.to_str())["model"]["vocab"]
    own = [(piece, round(score, 6)) for piece, score in learnt if piece not in special]
    return [*((piece, 0.0) for piece in special), *sorted(own, key=lambda one: (-one[1], one[0]))]


def wordpiece() -> dict[str, int]:
    """BERT's kind of vocabulary: the corpus' words, and letters."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789.,!?電影日本語"]
    words = sorted({word for line in CORPUS[:4] for word in line.replace(",", "").split()})
    pieces = dict.fromkeys([*special, *words, *letters, *(f"##{one}" for one in letters)])
    return {piece: index for index, piece in enumerate(pieces)}


def bert_tokenizer(**options: Any) -> Any:
    """BERT's own."""
    return hf.BertTokenizerFast(vocab=wordpiece(), model_max_length=POSITIONS, **options)


def roberta_tokenizer(**options: Any) -> Any:
    """RoBERTa's own, with its pad id of 1."""
    vocabulary, merges = byte_bpe()
    return hf.RobertaTokenizerFast(
        vocab=vocabulary, merges=merges, model_max_length=POSITIONS, **options
    )


def xlmr_tokenizer(**options: Any) -> Any:
    """XLM-RoBERTa's own."""
    pieces = unigram(["<s>", "<pad>", "</s>", "<unk>"])
    return hf.XLMRobertaTokenizerFast(vocab=pieces, model_max_length=POSITIONS, **options)


def gpt2_tokenizer(**options: Any) -> Any:
    """GPT-2's own: no pad token, no special tokens around a text."""
    vocabulary, merges = byte_bpe()
    return hf.GPT2TokenizerFast(
        vocab=vocabulary, merges=merges, model_max_length=POSITIONS, **options
    )
