"""The Bi-LSTM students: embedding, bidirectional LSTM, and a linear layer.

One classifies a text by its pooled states, the other labels each token by its own.

A `PreTrainedModel` like any other, so that the Trainer, `save_pretrained` and the auto
classes work with it. Knows nothing of teachers or losses.
"""

from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import (
    BaseModelOutputWithPooling,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)

from training.models.checkpoints.labels import outputs_of
from training.models.heads import hard_loss, token_loss
from training.models.students.towers import FEATURES, apart, compared, is_towers
from training.problem import problem_of


class BiLstmConfig(PretrainedConfig):
    """Shape of a Bi-LSTM; the defaults have 4,698,370 parameters with two labels."""

    model_type = "stillhouse-bilstm"

    def __init__(
        self,
        vocab_size: int = 30_522,
        embedding_size: int = 128,
        hidden_size: int = 256,
        num_hidden_layers: int = 1,
        dropout: float = 0.3,
        pooling: str = "last",
        pad_token_id: int | None = None,
        embedding_dimension: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.embedding_dimension = embedding_dimension  # of an embedder's vector
        self.pad_token_id = pad_token_id
        self.vocab_size = vocab_size
        self.embedding_size = embedding_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        self.dropout = dropout
        self.pooling = pooling
        super().__init__(**kwargs)


class BiLstm(PreTrainedModel):
    """What the models below have in common: a bidirectional LSTM that never reads padding."""

    config_class = BiLstmConfig
    base_model_prefix = ""

    def __init__(self, config: BiLstmConfig) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(
            config.vocab_size, config.embedding_size, padding_idx=config.pad_token_id
        )
        self.lstm = nn.LSTM(
            config.embedding_size,
            config.hidden_size,
            num_layers=config.num_hidden_layers,
            dropout=config.dropout if config.num_hidden_layers > 1 else 0.0,
            bidirectional=True,
            batch_first=True,
        )
        self.dropout = nn.Dropout(config.dropout)
        width = 2 * config.hidden_size * (FEATURES if is_towers(config) else 1)
        self.classifier = nn.Linear(width, outputs_of(config))
        self.post_init()  # type: ignore[no-untyped-call]  # transformers' own

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.LSTM):
            for name, parameter in module.named_parameters():
                if "weight_hh" in name:
                    nn.init.orthogonal_(parameter)
                elif "weight_ih" in name:
                    nn.init.xavier_uniform_(parameter)
                else:
                    # Forget gates start open (Jozefowicz et al. 2015); torch adds two biases.
                    nn.init.zeros_(parameter)
                    quarter = parameter.numel() // 4
                    parameter.data[quarter : 2 * quarter] = 0.5
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.1)
            if module.padding_idx is not None:
                module.weight.data[module.padding_idx] = 0
        elif isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)

    def _read(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, Any, torch.Tensor]:
        """The embeddings, the last layer's states as they are packed, and each layer's last."""
        embedded = self.dropout(self.embedding(input_ids))
        packed = pack_padded_sequence(
            embedded, attention_mask.sum(dim=1).cpu(), batch_first=True, enforce_sorted=False
        )
        packed_states, (last, _) = self.lstm(packed)
        return embedded, packed_states, last


class BiLstmForSequenceClassification(BiLstm):
    """Classifies a text."""

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        labels: torch.Tensor | None = None,
        output_hidden_states: bool = False,
        **_: Any,
    ) -> SequenceClassifierOutput:
        """Runs the model.

        Args:
            input_ids: (batch, time); padding on the right. A pair is one row.
            attention_mask: (batch, time), 1 for a token and 0 for padding.
            labels: by problem, see `hard_loss`; with them the output has a loss.
            output_hidden_states: whether the output has the embeddings and the last layer's
                states, (batch, time, embedding_size) and (batch, time, 2 * hidden_size); two
                towers have none for a row.

        Returns:
            Logits of shape (batch, labels).
        """
        towers = is_towers(self.config)
        if towers:
            input_ids, attention_mask = apart(input_ids, attention_mask, self.config.separator_id)
        embedded, packed_states, last = self._read(input_ids, attention_mask)
        pooled = self._pool(packed_states, last, attention_mask, attention_mask.sum(dim=1))
        pooled = compared(pooled) if towers else pooled
        logits = self.classifier(self.dropout(pooled))
        loss = None if labels is None else hard_loss(logits, labels, problem_of(self.config))
        states = None
        if output_hidden_states and not towers:
            states = (embedded, _unpack(packed_states, attention_mask))
        return SequenceClassifierOutput(loss=loss, logits=logits, hidden_states=states)

    def _pool(
        self,
        packed_states: Any,
        last: torch.Tensor,
        attention_mask: torch.Tensor,
        lengths: torch.Tensor,
    ) -> torch.Tensor:
        if self.config.pooling == "last":
            return torch.cat([last[-2], last[-1]], dim=-1)
        states = _unpack(packed_states, attention_mask)
        if self.config.pooling == "mean":
            return states.sum(dim=1) / lengths.unsqueeze(1)  # padding's states are zero
        padding = attention_mask.unsqueeze(-1) == 0
        return states.masked_fill(padding, float("-inf")).amax(dim=1)


class BiLstmForTokenClassification(BiLstm):
    """Labels each token of a text."""

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        labels: torch.Tensor | None = None,
        output_hidden_states: bool = False,
        **_: Any,
    ) -> TokenClassifierOutput:
        """Runs the model; see `BiLstmForSequenceClassification.forward`.

        Args:
            input_ids, attention_mask, output_hidden_states: as there.
            labels: (batch, time), see `token_loss`.

        Returns:
            Logits of shape (batch, time, labels).
        """
        embedded, packed_states, _last = self._read(input_ids, attention_mask)
        states = _unpack(packed_states, attention_mask)
        logits = self.classifier(self.dropout(states))
        return TokenClassifierOutput(
            loss=None if labels is None else token_loss(logits, labels),
            logits=logits,
            hidden_states=(embedded, states) if output_hidden_states else None,
        )


def _unpack(packed_states: Any, attention_mask: torch.Tensor) -> torch.Tensor:
    """(batch, time, width), zero where there is padding."""
    states: torch.Tensor
    states, _ = pad_packed_sequence(
        packed_states, batch_first=True, total_length=attention_mask.shape[1]
    )
    return states


class BiLstmEmbeddingModel(BiLstmForSequenceClassification):
    """An embedder: what would be logits is the vector of the text."""

    def forward(  # type: ignore[override]  # another output
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        output_hidden_states: bool = False,
        **_: Any,
    ) -> BaseModelOutputWithPooling:
        """Runs the model; see `BiLstmForSequenceClassification.forward`.

        Returns:
            `pooler_output` of shape (batch, embedding_dimension), before any normalisation.
        """
        found = super().forward(
            input_ids, attention_mask, output_hidden_states=output_hidden_states
        )
        return BaseModelOutputWithPooling(
            pooler_output=found.logits, hidden_states=found.hidden_states
        )


AutoConfig.register(BiLstmConfig.model_type, BiLstmConfig)
AutoModel.register(BiLstmConfig, BiLstmEmbeddingModel)
AutoModelForSequenceClassification.register(BiLstmConfig, BiLstmForSequenceClassification)
AutoModelForTokenClassification.register(BiLstmConfig, BiLstmForTokenClassification)


def project_embeddings(table: torch.Tensor, size: int) -> torch.Tensor:
    """Projects an embedding table to fewer dimensions by SVD, keeping what varies most.

    Args:
        table: (vocabulary, dimensions).
        size: dimensions wanted, at most those there are.

    Returns:
        (vocabulary, size), centred, scaled to a standard deviation of 0.5 so that the LSTM
        starts in its linear range.

    Raises:
        ValueError: `size` is larger than the table's dimensions.
    """
    if size > table.shape[1]:
        raise ValueError(f"cannot project {table.shape[1]} embedding dimensions up to {size}")
    centred = (table - table.mean(dim=0)).float()
    # The right singular vectors, from the small (dimensions x dimensions) Gram matrix.
    _, vectors = torch.linalg.eigh(centred.T @ centred)
    projected = centred @ vectors[:, -size:]
    scaled: torch.Tensor = projected * (0.5 / projected.std())
    return scaled
