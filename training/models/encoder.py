"""Transformer encoders with a classification head, from a hub id or a local directory."""

from collections.abc import Sequence

from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel


def new_encoder(base: str, labels: Sequence[str], dropout: float) -> PreTrainedModel:
    """A pretrained encoder with a fresh head for `labels`."""
    config = AutoConfig.from_pretrained(base)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}
    for name in ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout"):
        if hasattr(config, name):
            setattr(config, name, dropout)
    # A base that classifies by other labels gives its body, not its head.
    model: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(
        base, config=config, ignore_mismatched_sizes=True
    )
    return model
