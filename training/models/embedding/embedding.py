"""How a model makes one vector of a text: pooling, projections, normalisation, prompts.

Pooling and projections are part of what is exported; normalisation and prompts are the service's.
"""

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from service.repository.manifest import Pooling

OURS = "stillhouse-"  # model types whose pooling is part of the model


@dataclass(frozen=True)
class Embedding:
    """How a checkpoint makes one vector of a text.

    Attributes:
        pooling: of the tokens' vectors of the last layer.
        normalize: whether the vector has length 1 in the end.
        dense: projections after the pooling.
        prompts: what may be put before a text, by name.
        default_prompt: the name of the one that is put there where none is asked for.
        dimensions: shorter vectors that the model was trained for (Matryoshka).
        similarity: how vectors are compared, as the owner says.
        stated: whether the owner's files say so; else mean and normalised is assumed.
    """

    pooling: Pooling = "mean"
    normalize: bool = True
    dense: tuple[nn.Module, ...] = ()
    prompts: Mapping[str, str] = field(default_factory=dict)
    default_prompt: str | None = None
    dimensions: tuple[int, ...] = ()
    similarity: str | None = None
    stated: bool = True

    @property
    def sha256(self) -> str:
        """Hash of all that vectors depend on: the projections' weights too."""
        stated = [self.pooling, self.normalize, dict(self.prompts), self.default_prompt]
        digest = hashlib.sha256(json.dumps(stated, sort_keys=True).encode())
        for layer in self.dense:
            digest.update(str(layer).encode())
            for tensor in layer.state_dict().values():
                digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def told(self) -> str:
        """What a person is told of it."""
        parts = [f"pools by {self.pooling}"]
        if self.dense:
            parts.append(f"{len(self.dense)} projections")
        parts.append("normalised" if self.normalize else "not normalised")
        if any(self.prompts.values()):
            parts.append(f"prompts {' and '.join(self.prompts)}")
        if self.default_prompt:
            parts.append(f"{self.default_prompt} where none is asked for")
        if self.dimensions:
            parts.append(f"shorter vectors of {' and '.join(map(str, self.dimensions))}")
        if not self.stated:
            parts.append("which is assumed, for no file beside it says so")
        return ", ".join(parts)

    def prompted(self, texts: Sequence[str]) -> list[str]:
        """The texts behind the default prompt, where there is one."""
        prompt = "" if self.default_prompt is None else self.prompts[self.default_prompt]
        return [prompt + text for text in texts]

    def mixed(self, texts: Sequence[str]) -> list[str]:
        """The texts behind one prompt after the other, to learn from: each alike often."""
        every = [self.prompts[name] for name in sorted(self.prompts)] or [""]
        return [every[place % len(every)] + text for place, text in enumerate(texts)]


class SentenceEncoder(nn.Module):
    """A body with its pooling and projections: token ids in, one vector a text out.

    Args:
        body: gives a state for each token, or is one of ours, which pools by itself.
    """

    def __init__(self, body: PreTrainedModel, embedding: Embedding) -> None:
        super().__init__()
        self.body = body
        self.pooling = embedding.pooling
        self.dense = nn.ModuleList(embedding.dense)
        # What a decoder keeps for the next token is of no use here.
        takes = inspect.signature(body.forward).parameters
        self._options: dict[str, Any] = {"use_cache": False} if "use_cache" in takes else {}

    @property
    def size(self) -> int:
        """Of a vector."""
        if self.dense:
            return len(next(self.dense[-1].parameters()))  # rows of the last projection
        return body_size(self.body)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Runs the body and pools.

        Args:
            input_ids: (batch, time); padding on the right.
            attention_mask: (batch, time), 1 for a token and 0 for padding.

        Returns:
            (batch, size), before they are normalised.
        """
        return self.pooled(self.body, input_ids, attention_mask)

    def pooled(
        self, body: nn.Module, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> torch.Tensor:
        """As `forward`, with another `body` in place of its own, such as a wrapped one."""
        output = body(input_ids=input_ids, attention_mask=attention_mask, **self._options)
        return self.vectors(output, attention_mask)

    def vectors(self, output: Any, attention_mask: torch.Tensor) -> torch.Tensor:
        """What the body gave, pooled and projected, (batch, size)."""
        vectors: torch.Tensor = (
            output.pooler_output
            if pools_itself(self.body)
            else pool(output.last_hidden_state, attention_mask, self.pooling)
        )
        for layer in self.dense:
            vectors = layer(vectors)
        return vectors


def pools_itself(body: PreTrainedModel) -> bool:
    """Whether a body gives one vector a text already."""
    return bool(body.config.model_type.startswith(OURS))


def embedding_of(body: PreTrainedModel) -> Embedding:
    """How a body that pools by itself embeds, by its own config."""
    config = body.config
    return Embedding(
        pooling=getattr(config, "pooling", "max"),  # a nano has no other
        normalize=config.normalize,
        prompts=config.prompts,
        default_prompt=config.default_prompt,
    )


def body_size(body: PreTrainedModel) -> int:
    """The width of what a body gives, before any projection."""
    if pools_itself(body):
        return int(body.config.embedding_dimension)
    return int(body.config.get_text_config().hidden_size)


def pool(states: torch.Tensor, attention_mask: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """One vector of the tokens' (Reimers and Gurevych 2019, arXiv:1908.10084).

    Args:
        states: (batch, time, size).
        attention_mask: (batch, time); padding on the right.

    Returns:
        (batch, size).
    """
    if pooling == "cls":
        return states[:, 0]
    if pooling == "last":
        places = torch.arange(states.shape[1], device=states.device)
        last = (places * attention_mask).argmax(dim=-1)
        return states.gather(1, last[:, None, None].expand(-1, 1, states.shape[-1]))[:, 0]
    real = attention_mask.unsqueeze(-1)
    if pooling == "max":
        return states.masked_fill(real == 0, torch.finfo(states.dtype).min).amax(dim=1)
    mask = real.to(states.dtype)
    return (states * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1e-9)
