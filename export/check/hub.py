"""What transformers itself says of texts: its own pipeline, its own tokenizer, nothing of ours."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import transformers

from export.graph.building import FloatArray

BATCH = 8


class Hub:
    """A checkpoint as transformers' text-classification pipeline reads it.

    Args:
        source: a directory or a hub id.
        max_length: tokens from which a text is cut.
    """

    def __init__(self, source: str, max_length: int) -> None:
        self.tokenizer: Any = transformers.AutoTokenizer.from_pretrained(source)
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
        self._cut = {"truncation": True, "max_length": max_length}

    @property
    def batches(self) -> bool:
        """Whether the pipeline can read several texts at once: it needs pad tokens for it."""
        config = self._pipeline.model.config
        return self.tokenizer.pad_token is not None and config.pad_token_id is not None

    def tokens(self, text: str) -> int:
        """How many tokens a text becomes when nothing is cut off."""
        return len(self.tokenizer(text, verbose=False)["input_ids"])

    def ids(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text."""
        return [self.tokenizer(text, **self._cut)["input_ids"] for text in texts]

    def logits(self, texts: Sequence[str], *, batch_size: int = 1) -> FloatArray:
        """(texts, labels), in the config's order of labels."""
        found = self._pipeline(list(texts), batch_size=batch_size, **self._cut)
        by_label = [{one["label"]: one["score"] for one in row} for row in found]
        rows = [[row[label] for label in self._labels] for row in by_label]
        return np.array(rows, dtype=np.float32)
