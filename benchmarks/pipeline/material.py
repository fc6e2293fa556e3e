"""A synthetic file of labelled text, and a random model to train on it."""

import random
from pathlib import Path

WORDS = 20_000
SHORTEST, LONGEST = 5, 25  # words of a text
PER_WRITE = 10_000


def write_rows(path: Path, rows: int, seed: int = 13) -> None:
    """Writes a TSV of two labels; the texts are different, and as long as sentences are."""
    chance = random.Random(seed)  # noqa: S311  no secret
    words = vocabulary()
    with path.open("w", encoding="utf-8") as file:
        file.write("text\tlabel\n")
        for start in range(0, rows, PER_WRITE):
            lines = []
            for row in range(start, min(rows, start + PER_WRITE)):
                drawn = chance.choices(words, k=chance.randint(SHORTEST, LONGEST))
                lines.append(f"{' '.join(drawn)}\t{('negative', 'positive')[row % 2]}\n")
            file.writelines(lines)


def write_model(folder: Path) -> None:
    """Saves a random encoder of a few thousand parameters that knows the words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    known = {word: place for place, word in enumerate((*special, *vocabulary()))}
    tokenizer = Tokenizer(models.WordLevel(known, unk_token="[UNK]"))  # noqa: S106  no secret
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=64,
        **dict(zip(names, special, strict=True)),
    ).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(known),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=16,
        max_position_embeddings=64,
    )
    config.id2label = {0: "negative", 1: "positive"}
    config.label2id = {"negative": 0, "positive": 1}
    BertForSequenceClassification(config).save_pretrained(folder)


def vocabulary() -> list[str]:
    """Made-up words."""
    return [f"word{number}" for number in range(WORDS)]
