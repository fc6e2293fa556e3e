"""What transformers itself says of texts: its own pipeline, its own tokenizer, nothing of ours."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import transformers

from export.graph.building import FloatArray
from service.repository.manifest import SpecialTokens
from service.runtime.model import Input
from training.data.inputs import halves
from training.models.checkpoints.reading import LONGEST_FIRST, split_special_tokens


class Hub:
    """A checkpoint as transformers' text-classification pipeline reads it.

    Args:
        source: a directory or a hub id.
        max_length: tokens from which a text is cut.
        strategy: which text of a pair is cut.
        special_tokens: what one is that stands in a text.
    """

    title = "transformers' pipeline"

    def __init__(
        self,
        source: str,
        max_length: int,
        strategy: str = LONGEST_FIRST,
        special_tokens: SpecialTokens = "text",
    ) -> None:
        tokenizer: Any = transformers.AutoTokenizer.from_pretrained(source)
        if special_tokens == "text":
            split_special_tokens(tokenizer)
        self.tokenizer = tokenizer
        model = transformers.AutoModelForSequenceClassification.from_pretrained(
            source, dtype=torch.float32
        ).eval()
        self._labels = [model.config.id2label[index] for index in sorted(model.config.id2label)]
        self._pipeline: Any = transformers.pipeline(
            "text-classification",
            model=model,
            tokenizer=self.tokenizer,
            device="cpu",
            top_k=None,
            function_to_apply="none",
        )
        self._cut = {"truncation": strategy, "max_length": max_length}

    @property
    def batches(self) -> bool:
        """Whether the pipeline can read several texts at once: it needs pad tokens for it."""
        config = self._pipeline.model.config
        return self.tokenizer.pad_token is not None and config.pad_token_id is not None

    def tokens(self, text: Input) -> int:
        """How many tokens a text becomes when nothing is cut off."""
        return len(self.tokenizer(*halves(text), verbose=False)["input_ids"])

    def encoded(self, texts: Sequence[Input]) -> list[dict[str, list[int]]]:
        """What the tokenizer makes of each text."""
        return [dict(self.tokenizer(*halves(text), **self._cut)) for text in texts]

    def logits(self, texts: Sequence[Input], *, batch_size: int = 1) -> FloatArray:
        """(texts, labels), in the config's order of labels."""
        given = [one if isinstance(one, str) else dataclasses.asdict(one) for one in texts]
        found = self._pipeline(given, batch_size=batch_size, **self._cut)
        by_label = [{one["label"]: one["score"] for one in row} for row in found]
        rows = [[row[label] for label in self._labels] for row in by_label]
        return np.array(rows, dtype=np.float32)

    def numbers(self, texts: Sequence[Input]) -> list[FloatArray]:
        """The logits of each text, (labels,)."""
        return list(self.logits(texts))
