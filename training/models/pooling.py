"""Classifiers that read a text's answer off one of its tokens, whatever is batched with it.

Decoders (GPT-2, Qwen) answer at the last token, encoder-decoders (BART) at the last end token.
transformers finds that token by its id: it refuses batches where the owner named no pad token, and
batches of texts that hold other numbers of end tokens. Here the mask tells padding, so that every
text gets the logits that it gets alone.
"""

from collections.abc import Callable
from types import MethodType
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.loss.loss_utils import ForSequenceClassificationLoss
from transformers.modeling_outputs import SequenceClassifierOutput

Places = Callable[[torch.Tensor], torch.Tensor]


def pool_by_mask(model: PreTrainedModel) -> bool:
    """Has a decoder or an encoder-decoder find its token by the mask; others stay as they are.

    Returns:
        Whether the model is of such a kind.
    """
    config = model.config
    if isinstance(getattr(model, "score", None), nn.Linear):
        owner = config.get_text_config().pad_token_id

        def counts(input_ids: torch.Tensor) -> torch.Tensor:
            # As transformers has it: a pad token that the owner named is none of the text's.
            return (
                torch.ones_like(input_ids, dtype=torch.bool)
                if (owner is None or owner < 0)
                else input_ids != owner
            )

        _answer_at(model, counts)
        return True
    if (
        config.is_encoder_decoder
        and hasattr(model, "classification_head")
        and hasattr(model, "model")
    ):
        _answer_at(model, lambda input_ids: input_ids == config.eos_token_id)
        return True
    return False


def _answer_at(model: PreTrainedModel, counts: Places) -> None:
    """Replaces `forward`: the head reads the last token that counts and is no padding."""

    def forward(
        self: PreTrainedModel,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        output_hidden_states: bool | None = None,
        **_: Any,
    ) -> SequenceClassifierOutput:
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        base = getattr(self, self.base_model_prefix)
        output = base(
            input_ids,
            attention_mask=attention_mask,
            use_cache=False,
            output_hidden_states=output_hidden_states,
        )
        states = output.last_hidden_state
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        real = counts(input_ids) & attention_mask.bool()
        last = (places * real).argmax(dim=-1)
        head: Any = self.score if hasattr(self, "score") else self.classification_head
        chosen = last[:, None, None].expand(-1, 1, states.shape[-1])
        logits = head(states.gather(1, chosen)[:, 0])
        loss = None
        if labels is not None:
            loss = ForSequenceClassificationLoss(labels, logits, self.config)
        inner = getattr(output, "hidden_states", None) or getattr(
            output, "decoder_hidden_states", None
        )
        return SequenceClassifierOutput(loss=loss, logits=logits, hidden_states=inner)

    model.forward = MethodType(forward, model)  # of this one alone
