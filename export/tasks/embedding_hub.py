"""What others say of an embedder's texts: sentence-transformers, or transformers with pooling.

sentence-transformers is no dependency: where it is not installed, transformers' own tokenizer and
model are run, and the pooling that the owner's files name is done in torch.
"""

import copy
import importlib
import importlib.util
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch

from export.graph.building import FloatArray
from service.runtime.model import Input
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.checkpoints.reading import split_special_tokens
from training.models.embedding.embedding import SentenceEncoder
from training.models.embedding.files import is_sentence_transformer
from training.score.neighbours import normalized

PACKAGE = "sentence_transformers"


class EmbeddingHub(Protocol):
    """See `export.tasks.task.Pipeline`."""

    @property
    def title(self) -> str: ...  # noqa: D102  who says it

    @property
    def batches(self) -> bool: ...  # noqa: D102

    def tokens(self, text: Input) -> int: ...  # noqa: D102

    def encoded(self, texts: Sequence[Input]) -> list[dict[str, list[int]]]: ...  # noqa: D102

    def numbers(self, texts: Sequence[Input]) -> list[FloatArray]: ...  # noqa: D102


def embedding_hub(checkpoint: Checkpoint) -> EmbeddingHub:
    """Who is compared with: sentence-transformers, where it is installed and saved the files."""
    installed = importlib.util.find_spec(PACKAGE) is not None
    if installed and is_sentence_transformer(checkpoint.source):
        return SentenceTransformersHub(checkpoint)
    return PooledHub(checkpoint)


class _Reader:
    """Tokens as transformers' own tokenizer has them."""

    batches = True

    def __init__(self, tokenizer: Any, checkpoint: Checkpoint) -> None:
        self.tokenizer = tokenizer
        if checkpoint.special_tokens == "text":
            split_special_tokens(tokenizer)
        self._cut = {"truncation": True, "max_length": checkpoint.max_length}

    def tokens(self, text: Input) -> int:
        """See `Pipeline`."""
        return len(self.tokenizer(text, verbose=False)["input_ids"])

    def encoded(self, texts: Sequence[Input]) -> list[dict[str, list[int]]]:
        """See `Pipeline`."""
        return [dict(self.tokenizer(text, **self._cut)) for text in texts]


class PooledHub(_Reader):
    """transformers' own tokenizer and model, a text at a time, pooled in torch."""

    title = "transformers and its pooling"

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__(copy.deepcopy(checkpoint.hub_tokenizer), checkpoint)
        self._normalize = checkpoint.embedding.normalize
        self._encoder = SentenceEncoder(checkpoint.model, checkpoint.embedding).eval()

    def numbers(self, texts: Sequence[Input]) -> list[FloatArray]:
        """See `Pipeline`."""
        with torch.inference_mode():
            rows = [torch.tensor([one["input_ids"]]) for one in self.encoded(texts)]
            found = [self._encoder(row, torch.ones_like(row))[0].numpy() for row in rows]
        return list(normalized(np.stack(found))) if self._normalize else found


class SentenceTransformersHub(_Reader):
    """sentence-transformers' own, with nothing of ours."""

    title = "sentence-transformers"

    def __init__(self, checkpoint: Checkpoint) -> None:
        package: Any = importlib.import_module(PACKAGE)
        self._model = package.SentenceTransformer(checkpoint.source, device="cpu")
        self._model.max_seq_length = checkpoint.max_length
        super().__init__(self._model.tokenizer, checkpoint)

    def numbers(self, texts: Sequence[Input]) -> list[FloatArray]:
        """See `Pipeline`; no prompt is put before a text."""
        found = self._model.encode(list(texts), prompt="", batch_size=1, show_progress_bar=False)
        return list(found)
