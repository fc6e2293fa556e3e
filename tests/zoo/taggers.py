"""Taggers of the zoo: tiny random ones of three families, as owners save them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from export.check.check import judge, prepare
from tests.zoo.families import SUPPORTED
from tests.zoo.saving import Builder
from tests.zoo.visit import Row, int8_of
from training.teach.tags.logits import predict_token_logits

hf: Any = transformers  # its types want each option by name
LABELS = ("O", "B-person", "I-person", "B-creative-work", "I-creative-work")


def _tagger(family: str) -> Builder:
    """The family's own checkpoint, with a head for tokens in the place of its own."""

    def build(directory: Path) -> None:
        SUPPORTED[family](directory)
        config = hf.AutoConfig.from_pretrained(directory)
        config.id2label = dict(enumerate(LABELS))
        config.label2id = {label: index for index, label in enumerate(LABELS)}
        torch.manual_seed(0)
        model = hf.AutoModelForTokenClassification.from_config(config).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    parameter.normal_(std=0.2)
        model.save_pretrained(directory)

    return build


TAGGERS: dict[str, Builder] = {
    f"{family} tagger": _tagger(family) for family in ("BERT", "DistilBERT", "RoBERTa")
}


def visit_tagger(name: str, build: Builder, directory: Path) -> Row:
    """As `visit`, of each token's logits."""
    build(directory)
    trial = prepare(str(directory))
    found = judge(trial).differences
    texts = [*trial.short, *trial.long]
    tokenizer = trial.checkpoint.tokenizer
    taught = predict_token_logits(trial.checkpoint.model, tokenizer, tokenizer.encode(texts))
    expected = trial.hub.numbers(texts)
    int8, moved = int8_of(trial)
    return Row(
        name,
        max(float(np.abs(one - other).max()) for one, other in zip(taught, expected, strict=True)),
        found.alone,
        found.batch,
        found.limit,
        int8,
        moved,
    )
