"""Tiny models and data of the tests' own making: nothing is downloaded, nothing takes long."""

import json
import random
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from service.runtime.model import Input, Pair
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.checkpoints.reading import Reading
from training.models.students.bilstm import BiLstmConfig, BiLstmForSequenceClassification
from training.models.students.nano import NanoConfig, NanoForSequenceClassification
from training.teach.logits import predict_logits

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
POSITIVE = ("good", "great", "fine", "superb", "moving", "funny", "clever", "warm")
NEGATIVE = ("bad", "awful", "dull", "weak", "tedious", "stale", "clumsy", "cold")
FILLER = ("the", "a", "this", "that", "film", "plot", "cast", "scene", "is", "was", "with", "of")
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")
VOCABULARY = (*SPECIAL, *dict.fromkeys((*POSITIVE, *NEGATIVE, *FILLER, *LETTERS)))
POSITIONS = 64

Model = TypeVar(
    "Model",
    BertForSequenceClassification,
    BiLstmForSequenceClassification,
    NanoForSequenceClassification,
)


def tiny_tokenizer() -> Tokenizer:
    """BERT's rules over a small vocabulary: other words fall into letters, the rest is [UNK]."""
    pieces = (*VOCABULARY, *(f"##{letter}" for letter in LETTERS))
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def tiny_hub_tokenizer() -> PreTrainedTokenizerFast:
    """The same as `tiny_tokenizer`, as transformers holds it."""
    return PreTrainedTokenizerFast(
        tokenizer_object=tiny_tokenizer(),
        model_max_length=POSITIONS,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def word_hub_tokenizer(*, masks: bool = True) -> PreTrainedTokenizerFast:
    """Another tokeniser for the same texts: whole words, other ids, RoBERTa's special tokens."""
    special = ("<pad>", "<unk>", "<s>", "</s>", "<mask>")
    vocabulary = {word: index for index, word in enumerate((*special, *sorted(VOCABULARY[5:])))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 3)]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), special, strict=False))
    if masks:
        names["mask_token"] = "<mask>"
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=POSITIONS, **names)


def tiny_encoder(
    labels: Sequence[str] = ("negative", "positive"), *, seed: int = 0, spread: float = 0.2
) -> BertForSequenceClassification:
    """A random BERT: 32 wide, 2 layers, 2 heads, 64 positions.

    Args:
        spread: standard deviation of the weights. At 0.2 texts differ clearly in their logits
            without any training; BERT's own 0.02 is where training starts well.
    """
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=tiny_tokenizer().get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=POSITIONS,
        initializer_range=spread,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    return _balanced(BertForSequenceClassification(config))


def tiny_bilstm(
    labels: Sequence[str] = ("negative", "positive"),
    *,
    pairs: str | None = None,
    pooling: str = "last",
    layers: int = 2,
    seed: int = 0,
    kind: type[BiLstmForSequenceClassification] = BiLstmForSequenceClassification,
) -> BiLstmForSequenceClassification:
    """A random Bi-LSTM over the tiny tokeniser, with embeddings large enough to matter."""
    torch.manual_seed(seed)
    config = BiLstmConfig(
        vocab_size=tiny_tokenizer().get_vocab_size(),
        embedding_size=16,
        hidden_size=24,
        num_hidden_layers=layers,
        pooling=pooling,
        pad_token_id=0,
        **_pair_form(pairs),
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    model = BiLstmForSequenceClassification(config)
    with torch.no_grad():
        model.embedding.weight.mul_(10)
        model.classifier.weight.mul_(2)
        # Random biases, or a mistake in their order would not be seen.
        for name, parameter in model.lstm.named_parameters():
            if "bias" in name:
                parameter.add_(0.3 * torch.randn_like(parameter))
    found = kind(config)  # may do more than its base when it runs, so its base is balanced
    found.load_state_dict(_balanced(model).state_dict())
    found.train(False)
    return found


def tiny_nano(
    labels: Sequence[str] = ("negative", "positive"),
    *,
    width: int = 3,
    seed: int = 0,
    pairs: str | None = None,
) -> NanoForSequenceClassification:
    """A random nano over the tiny tokeniser, with embeddings large enough to matter."""
    torch.manual_seed(seed)
    config = NanoConfig(
        vocab_size=tiny_tokenizer().get_vocab_size(),
        embedding_size=16,
        filters=24,
        width=width,
        pad_token_id=0,
        **_pair_form(pairs),
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )
    model = NanoForSequenceClassification(config)
    with torch.no_grad():
        model.embedding.weight.mul_(2)
    model.train(False)
    return _balanced(model)


def _pair_form(pairs: str | None) -> dict[str, Any]:
    """What a student's config says of pairs; nothing where it reads single texts."""
    if pairs is None:
        return {}
    return {"pairs": pairs, "separator_id": tiny_tokenizer().token_to_id("[SEP]")}


def _balanced(model: Model) -> Model:
    """Shifts the logits so that a random model gives some texts each label."""
    tokenizer = Reading(tiny_hub_tokenizer(), POSITIONS, pad_id=0).tokenizer
    texts: list[Input] = [text for text, _ in toy_texts(64, seed=0)]
    if getattr(model.config, "pairs", None):
        texts = [pair for pair, _ in toy_pairs(64, seed=0)]
    logits = predict_logits(model, tokenizer, texts)
    with torch.no_grad():
        model.classifier.bias.sub_(torch.from_numpy(np.median(logits, axis=0)))
    return model


def tiny_encoder_checkpoint(
    directory: Path,
    labels: Sequence[str] = ("negative", "positive"),
    *,
    seed: int = 0,
    spread: float = 0.2,
) -> Path:
    """Saves a random BERT and its tokeniser as a hub checkpoint is saved; returns `directory`."""
    tiny_encoder(labels, seed=seed, spread=spread).save_pretrained(directory)
    tiny_hub_tokenizer().save_pretrained(directory)
    return directory


def tiny_checkpoint(
    model: BertForSequenceClassification
    | BiLstmForSequenceClassification
    | NanoForSequenceClassification,
    *,
    pairs: bool = False,
) -> Checkpoint:
    """A checkpoint in memory, with no recipe and no metrics, as from elsewhere."""
    return Checkpoint("tiny", model, tiny_hub_tokenizer(), None, None, asked_pairs=pairs)


def toy_texts(n: int, seed: int) -> list[tuple[str, str]]:
    """Texts with their labels; one word in each tells the label, the others say nothing."""
    chosen = random.Random(seed)
    rows: dict[str, str] = {}
    while len(rows) < n:
        label, words = chosen.choice((("positive", POSITIVE), ("negative", NEGATIVE)))
        text = [chosen.choice(FILLER) for _ in range(chosen.randint(4, 10))]
        text.insert(chosen.randint(0, len(text)), chosen.choice(words))
        rows[" ".join(text)] = label
    return list(rows.items())


def toy_pairs(n: int, seed: int) -> list[tuple[Pair, str]]:
    """Pairs, each of two of `toy_texts`; the second one's word alone tells the label."""
    texts = toy_texts(2 * n, seed)
    return [
        (Pair(first, second), label)
        for (first, _), (second, label) in zip(texts[::2], texts[1::2], strict=True)
    ]


def toy_pair_data(path: Path, n: int, seed: int) -> Path:
    """Writes `toy_pairs` as JSON lines with text, text_pair and label; returns `path`."""
    rows = ({**asdict(pair), "label": label} for pair, label in toy_pairs(n, seed))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def toy_data(path: Path, n: int, seed: int) -> Path:
    """Writes `toy_texts` as a TSV with the columns text and label; returns `path`."""
    lines = ["text\tlabel", *(f"{text}\t{label}" for text, label in toy_texts(n, seed))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


EMOTIONS = ("approval", "dislike", "scene")
TOLD = (POSITIVE[0], NEGATIVE[0])  # one word each, which a tiny encoder learns soon


def toy_emotions(path: Path, n: int, seed: int) -> Path:
    """Writes JSON lines of texts with the list of their `EMOTIONS`: none, one or several.

    A good word tells the first, a bad one the second, and the word "scene" the third.
    """
    chosen = random.Random(seed)
    lines = []
    for text in _mixed(chosen, n):
        words = text.split()
        said = (TOLD[0] in words, TOLD[1] in words, "scene" in words)
        labels = [name for name, has in zip(EMOTIONS, said, strict=True) if has]
        lines.append(json.dumps({"text": text, "labels": labels}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def toy_stars(path: Path, n: int, seed: int) -> Path:
    """Writes JSON lines of texts with a number: 3, one more for a good word, one less for a bad."""
    chosen = random.Random(seed)
    lines = []
    for text in _mixed(chosen, n):
        stars = 3.5 + (TOLD[0] in text.split()) - (TOLD[1] in text.split())
        lines.append(json.dumps({"text": text, "label": stars}))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _mixed(chosen: random.Random, n: int) -> list[str]:
    """Texts, each once, with a good word in half of them and a bad one in half."""
    texts: dict[str, None] = {}
    while len(texts) < n:
        words = [chosen.choice(FILLER) for _ in range(chosen.randint(4, 8))]
        words += [word for word in TOLD if chosen.random() < 0.5]
        chosen.shuffle(words)
        texts[" ".join(words)] = None
    return list(texts)
