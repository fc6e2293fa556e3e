"""The linear baseline: words and n-grams weighed by TF-IDF, and one weight for each and label.

What scikit-learn's `TfidfVectorizer(binary=True)` and a linear classifier compute, over token
ids. An n-gram of ids is one number: its digits, in a base above all ids. A `PreTrainedModel` like
any other, so that `save_pretrained` and the auto classes work with it. Knows nothing of how its
weights were fitted.
"""

from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import SequenceClassifierOutput

from training.models.checkpoints.labels import outputs_of
from training.models.heads import hard_loss
from training.problem import problem_of

PAD, UNKNOWN = 0, 1  # ids that are in no n-gram; words are above them
FIRST_WORD = 2


class LinearConfig(PretrainedConfig):
    """Shape of a linear model.

    Args:
        vocab_size: words, `PAD` and `UNKNOWN` among them; what n-grams are numbers to the base of.
        features: n-grams that have weights.
        ngrams: words of the longest.
        method: how it was fitted; it computes the same whichever.
    """

    model_type = "stillhouse-linear"

    def __init__(
        self,
        vocab_size: int = FIRST_WORD + 1,
        features: int = 1,
        ngrams: int = 1,
        method: str | None = None,
        pad_token_id: int = PAD,
        **kwargs: Any,
    ) -> None:
        self.pad_token_id = pad_token_id
        self.vocab_size = vocab_size
        self.features = features
        self.ngrams = ngrams
        self.method = method
        super().__init__(**kwargs)


class LinearForSequenceClassification(PreTrainedModel):
    """Classifies a text by the sum of the weights of its n-grams, each counted once.

    Attributes:
        keys: (features,), n-grams as numbers, ascending.
        idf: (features,), their inverse document frequencies.
        weight: (features, labels).
        bias: (labels,).
    """

    config_class = LinearConfig
    base_model_prefix = ""
    keys: torch.Tensor
    idf: torch.Tensor

    def __init__(self, config: LinearConfig) -> None:
        super().__init__(config)
        labels = outputs_of(config)
        self.register_buffer("keys", torch.zeros(config.features, dtype=torch.int64))
        self.register_buffer("idf", torch.zeros(config.features))
        self.weight = nn.Parameter(torch.zeros(config.features, labels))
        self.bias = nn.Parameter(torch.zeros(labels))
        self.post_init()  # type: ignore[no-untyped-call]  # transformers' own

    def _init_weights(self, module: nn.Module) -> None:
        """They are fitted, and never drawn."""

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        labels: torch.Tensor | None = None,
        **_: Any,
    ) -> SequenceClassifierOutput:
        """Runs the model.

        Args:
            input_ids: (batch, time); padding on the right.
            attention_mask: (batch, time), 1 for a token and 0 for padding.
            labels: by problem, see `hard_loss`; with them the output has a loss.

        Returns:
            Logits of shape (batch, labels).
        """
        keys = ngram_keys(input_ids * attention_mask, self.config.vocab_size, self.config.ngrams)
        places = torch.searchsorted(self.keys, keys).clamp(max=self.config.features - 1)
        none = self.config.features
        found = torch.where(self.keys[places] == keys, places, none).sort(dim=1).values
        repeated = found[:, 1:] == found[:, :-1]
        first = torch.cat([found[:, :1], found[:, 1:].masked_fill(repeated, none)], dim=1)
        known, places = first < none, first.clamp(max=none - 1)
        values = torch.where(known, self.idf[places], 0.0)
        values = values / values.square().sum(dim=1, keepdim=True).sqrt().clamp(min=1e-12)
        logits = torch.einsum("bt,btl->bl", values, self.weight[places]) + self.bias
        loss = None if labels is None else hard_loss(logits, labels, problem_of(self.config))
        return SequenceClassifierOutput(loss=loss, logits=logits)


def ngram_keys(ids: torch.Tensor, base: int, longest: int) -> torch.Tensor:
    """All n-grams of each row as numbers, those of words alone, then of two, and so on.

    Args:
        ids: (batch, time), `PAD` where there is no token.
        base: above all ids.
        longest: n-gram, in words.

    Returns:
        (batch, n-grams).
    """
    grams = [ids]
    for n in range(1, min(longest, ids.shape[1])):
        grams.append(grams[-1][:, :-1] * base + ids[:, n:])
    return torch.cat(grams, dim=1)


AutoConfig.register(LinearConfig.model_type, LinearConfig)
AutoModelForSequenceClassification.register(LinearConfig, LinearForSequenceClassification)
