"""What transformers itself says of each token: its own pipeline, nothing of ours."""

from collections.abc import Sequence
from typing import Any

import torch
import transformers

from export.graph.building import FloatArray
from service.repository.manifest import SpecialTokens
from service.runtime.model import Input
from training.models.checkpoints.reading import split_special_tokens


class TaggingHub:
    """A checkpoint as transformers' token-classification pipeline reads it.

    Args:
        source: a directory or a hub id.
        max_length: tokens from which a text is cut.
        special_tokens: what one is that stands in a text.
    """

    title = "transformers' pipeline"

    def __init__(
        self, source: str, max_length: int, special_tokens: SpecialTokens = "text"
    ) -> None:
        tokenizer: Any = transformers.AutoTokenizer.from_pretrained(source)
        if special_tokens == "text":
            split_special_tokens(tokenizer)
        self.tokenizer = tokenizer
        self.tokenizer.model_max_length = max_length  # the pipeline cuts there, and nowhere else
        model = transformers.AutoModelForTokenClassification.from_pretrained(
            source, dtype=torch.float32
        ).eval()
        self._pipeline: Any = transformers.pipeline(
            "token-classification", model=model, tokenizer=self.tokenizer, device="cpu"
        )

    @property
    def batches(self) -> bool:
        """Whether the pipeline can read several texts at once: it needs pad tokens for it."""
        return self.tokenizer.pad_token is not None

    def tokens(self, text: Input) -> int:
        """How many tokens a text becomes when nothing is cut off."""
        return len(self.tokenizer(text, verbose=False)["input_ids"])

    def encoded(self, texts: Sequence[Input]) -> list[dict[str, list[int]]]:
        """What the tokenizer makes of each text."""
        return [dict(self.tokenizer(text, truncation=True)) for text in texts]

    def numbers(self, texts: Sequence[Input]) -> list[FloatArray]:
        """The logits of each text's tokens, (tokens, labels)."""
        found: list[FloatArray] = []
        for text in texts:
            (inputs,) = self._pipeline.preprocess(text, **self._pipeline._preprocess_params)
            found.append(self._pipeline.forward(inputs)["logits"][0].float().numpy())
        return found
