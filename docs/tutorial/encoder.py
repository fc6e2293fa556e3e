"""Makes a small encoder with random weights and a vocabulary of a CSV's words.

    python docs/tutorial/encoder.py tickets.csv encoder

It stands in for a pretrained encoder where no model hub can be reached. One of a hub, such as
microsoft/MiniLM-L12-H384-uncased, knows language before it sees your texts; this one does not.
"""

import argparse
import csv
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
POSITIONS = 128


def tokenizer_of(texts: list[str]) -> PreTrainedTokenizerFast:
    """BERT's rules over the pieces of words that the texts have."""
    pieces = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    pieces.normalizer = normalizers.BertNormalizer(lowercase=True)
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=1000, special_tokens=SPECIAL, show_progress=False
    )
    pieces.train_from_iterator(texts, trainer)
    pieces.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, pieces.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=pieces,
        model_max_length=POSITIONS,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def main() -> None:
    """Writes the encoder's directory, as `save_pretrained` does."""
    parser = argparse.ArgumentParser(description="Makes a small encoder of a CSV's words.")
    parser.add_argument("texts", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--text-column", default="text")
    given = parser.parse_args()
    with given.texts.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if given.text_column not in (rows.fieldnames or ()):
            parser.error(f"{given.texts} has the columns {rows.fieldnames}: name one --text-column")
        tokenizer = tokenizer_of([row[given.text_column] for row in rows])
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=192,
        max_position_embeddings=POSITIONS,
    )
    torch.manual_seed(0)
    BertModel(config).save_pretrained(given.output)
    tokenizer.save_pretrained(given.output)


if __name__ == "__main__":
    main()
