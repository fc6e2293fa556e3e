"""What transformers says of texts: the owner's own tokenizer and model, and nothing of ours.

Texts go in as strings, so what the service reads otherwise is seen. One text is never padded to
another's length: those of one length share a batch.
"""

import copy
import inspect
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from tqdm.auto import tqdm
from transformers import PreTrainedTokenizerFast

from training.models.checkpoint import Checkpoint

BATCH = 16
LONG_RUN = 200

Logits = npt.NDArray[np.float32]
Encoded = dict[str, list[int]]


class Reference:
    """A checkpoint as transformers runs it, cut to the length that will be served.

    Args:
        checkpoint: its tokenizer is copied, for to use it is to change its settings.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._model = checkpoint.model
        self._max_length = checkpoint.max_length
        self.tokenizer: PreTrainedTokenizerFast = copy.deepcopy(checkpoint.hub_tokenizer)
        taken = inspect.signature(self._model.forward).parameters.values()
        anything = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken)
        self._taken = None if anything else {one.name for one in taken}

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """Each text's inputs by name, truncated on the owner's side."""
        read = self.tokenizer(list(texts), truncation=True, max_length=self._max_length)
        return [
            {name: read[name][row] for name in read if self._taken is None or name in self._taken}
            for row in range(len(texts))
        ]

    def count(self, text: str) -> int:
        """How many tokens a text has, uncut."""
        return len(self.tokenizer(text, truncation=False, verbose=False)["input_ids"])

    def logits(self, encoded: Sequence[Encoded]) -> Logits:
        """(texts, labels), in the order of `encoded`."""
        by_length: dict[int, list[int]] = defaultdict(list)
        for row, one in enumerate(encoded):
            by_length[len(one["input_ids"])].append(row)
        batches = [
            rows[start : start + BATCH]
            for _, rows in sorted(by_length.items())
            for start in range(0, len(rows), BATCH)
        ]
        found: dict[int, Logits] = {}
        device = next(self._model.parameters()).device
        with torch.inference_mode():
            for rows in tqdm(batches, desc="transformers", disable=len(batches) < LONG_RUN):
                names = encoded[rows[0]].keys()
                feed = {
                    name: torch.tensor([encoded[row][name] for row in rows], device=device)
                    for name in names
                }
                logits = self._model(**feed).logits.float().cpu().numpy()
                found.update(zip(rows, logits, strict=True))
        return np.stack([found[row] for row in range(len(encoded))])


def reference_logits(checkpoint: Checkpoint, texts: Sequence[str]) -> Logits:
    """A checkpoint's logits as transformers gives them, (texts, labels)."""
    reference = Reference(checkpoint)
    return reference.logits(reference.encode(texts))
