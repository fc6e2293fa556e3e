"""The nano student: embedding, one convolution over words, maximum over time, linear.

The convolution of Kim 2014, arXiv:1408.5882, with filters of one width. A `PreTrainedModel`
like any other, so that the Trainer, `save_pretrained` and the auto classes work with it.
Knows nothing of teachers or losses.
"""

from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import BaseModelOutputWithPooling, SequenceClassifierOutput

from training.models.checkpoints.labels import outputs_of
from training.models.heads import hard_loss
from training.models.students.towers import FEATURES, apart, compared, is_towers
from training.problem import problem_of


class NanoConfig(PretrainedConfig):
    """Shape of a nano; the defaults have 2,991,938 parameters with two labels."""

    model_type = "stillhouse-nano"

    def __init__(
        self,
        vocab_size: int = 30_522,
        embedding_size: int = 96,
        filters: int = 128,
        width: int = 5,
        dropout: float = 0.3,
        pad_token_id: int | None = None,
        embedding_dimension: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.embedding_dimension = embedding_dimension  # of an embedder's vector
        self.pad_token_id = pad_token_id
        self.vocab_size = vocab_size
        self.embedding_size = embedding_size
        self.filters = filters
        self.width = width
        self.dropout = dropout
        super().__init__(**kwargs)


class NanoForSequenceClassification(PreTrainedModel):
    """Classifies a text by the strongest answer of each filter to any of its n-grams."""

    config_class = NanoConfig
    base_model_prefix = ""

    def __init__(self, config: NanoConfig) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(
            config.vocab_size, config.embedding_size, padding_idx=config.pad_token_id
        )
        self.convolution = nn.Conv1d(config.embedding_size, config.filters, config.width)
        self.dropout = nn.Dropout(config.dropout)
        width = config.filters * (FEATURES if is_towers(config) else 1)
        self.classifier = nn.Linear(width, outputs_of(config))
        self.post_init()  # type: ignore[no-untyped-call]  # transformers' own

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Embedding):  # torch's own start is right for the others
            nn.init.normal_(module.weight, std=0.5)
            if module.padding_idx is not None:
                module.weight.data[module.padding_idx] = 0

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        labels: torch.Tensor | None = None,
        **_: Any,
    ) -> SequenceClassifierOutput:
        """Runs the model.

        Args:
            input_ids: (batch, time); padding on the right. A pair is one row.
            attention_mask: (batch, time), 1 for a token and 0 for padding.
            labels: by problem, see `hard_loss`; with them the output has a loss.

        Returns:
            Logits of shape (batch, labels).
        """
        towers = is_towers(self.config)
        if towers:
            input_ids, attention_mask = apart(input_ids, attention_mask, self.config.separator_id)
        padding = attention_mask.unsqueeze(1) == 0
        embedded = self.dropout(self.embedding(input_ids)).transpose(1, 2)
        # Padding is zero, as is what lies beyond the ends of a text that stands alone.
        ends = ((self.config.width - 1) // 2, self.config.width // 2)
        answers = self.convolution(nn.functional.pad(embedded.masked_fill(padding, 0.0), ends))
        strongest = answers.masked_fill(padding, float("-inf")).amax(dim=2)
        pooled = compared(strongest.relu()) if towers else strongest.relu()
        logits = self.classifier(self.dropout(pooled))
        loss = None if labels is None else hard_loss(logits, labels, problem_of(self.config))
        return SequenceClassifierOutput(loss=loss, logits=logits)


class NanoEmbeddingModel(NanoForSequenceClassification):
    """An embedder: what would be logits is the vector of the text."""

    def forward(  # type: ignore[override]  # another output
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **_: Any
    ) -> BaseModelOutputWithPooling:
        """Runs the model.

        Returns:
            `pooler_output` of shape (batch, embedding_dimension), before any normalisation.
        """
        found = super().forward(input_ids, attention_mask)
        return BaseModelOutputWithPooling(pooler_output=found.logits)


AutoConfig.register(NanoConfig.model_type, NanoConfig)
AutoModel.register(NanoConfig, NanoEmbeddingModel)
AutoModelForSequenceClassification.register(NanoConfig, NanoForSequenceClassification)
