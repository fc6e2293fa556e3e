"""What transformers says of texts: the owner's own tokenizer and model, and nothing of ours.

Texts go in as strings, so what the service reads otherwise is seen. One text is never padded to
another's length: those of one length share a batch. Windows are the tokenizer's own overflow.
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

from service.repository.sections import Windows
from service.runtime.model import Input
from training.data.inputs import halves
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.checkpoints.reading import split_special_tokens

BATCH = 16
LONG_RUN = 200

Logits = npt.NDArray[np.float32]
Window = dict[str, list[int]]
Encoded = list[Window]


class Reference:
    """A checkpoint as transformers runs it, reading as much as will be served.

    Args:
        checkpoint: its tokenizer is copied, for to use it is to change its settings.
        windows: how a text that is too long is read; None: it is cut.
    """

    def __init__(self, checkpoint: Checkpoint, windows: Windows | None = None) -> None:
        self._windows = windows
        self._model = checkpoint.model
        self._max_length = checkpoint.max_length
        self._strategy = checkpoint.reading.truncation_strategy
        self._pads = {"input_ids": checkpoint.reading.pad_id}
        self.tokenizer: PreTrainedTokenizerFast = copy.deepcopy(checkpoint.hub_tokenizer)
        if checkpoint.special_tokens == "text":
            split_special_tokens(self.tokenizer)
        taken = inspect.signature(self._model.forward).parameters.values()
        anything = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in taken)
        self._taken = None if anything else {one.name for one in taken}

    def encode(self, texts: Sequence[Input]) -> list[Encoded]:
        """Each text's windows, each with its inputs by name; one where it is cut, on its side."""
        over = {}
        if self._windows is not None:
            over = {"stride": self._windows.stride, "return_overflowing_tokens": True}
        columns = [list(column) for column in zip(*map(halves, texts), strict=True)]
        read = self.tokenizer(
            *columns, truncation=self._strategy, max_length=self._max_length, **over
        )
        sources = read.pop("overflow_to_sample_mapping", range(len(texts)))
        names = [name for name in read if self._taken is None or name in self._taken]
        found: list[Encoded] = [[] for _ in texts]
        for row, source in enumerate(sources):
            found[source].append({name: read[name][row] for name in names})
        return found

    def count(self, text: Input) -> int:
        """How many tokens a text has, uncut."""
        return len(self.tokenizer(*halves(text), truncation=False, verbose=False)["input_ids"])

    def logits(self, encoded: Sequence[Encoded]) -> Logits:
        """(texts, labels), in the order of `encoded`."""
        return self._of_texts(np.stack(self.each(_windows(encoded))), encoded)

    def together(self, encoded: Sequence[Encoded], pad_to: int = 0) -> Logits:
        """As `logits`, in one batch that is padded on the right, to `pad_to` tokens at least."""
        windows = _windows(encoded)
        longest = max(pad_to, *(len(one["input_ids"]) for one in windows))
        device = next(self._model.parameters()).device
        feed = {
            name: torch.tensor(
                [
                    one[name] + [self._pads.get(name, 0)] * (longest - len(one[name]))
                    for one in windows
                ],
                device=device,
            )
            for name in windows[0]
        }
        with torch.inference_mode():
            found = self.answer(feed).float().cpu().numpy()
        return self._of_texts(found, encoded)

    def _of_texts(self, found: Logits, encoded: Sequence[Encoded]) -> Logits:
        """The logits of texts, some of which were read in several windows."""
        ends = np.cumsum([len(one) for one in encoded])
        return np.stack([self._pooled(part) for part in np.split(found, ends[:-1])])

    def _pooled(self, logits: Logits) -> Logits:
        """Of one text's windows, (windows, labels), what is its answer, (labels,)."""
        pooling = self._windows.pooling if self._windows else "first"
        by: dict[str, Logits] = {
            "first": logits[0],
            "mean": logits.mean(axis=0),
            "max": logits.max(axis=0),
        }
        return by[pooling]

    def each(self, encoded: Sequence[Window]) -> list[Logits]:
        """The logits of each window: of a classifier (labels,), of a tagger (tokens, labels)."""
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
                logits = self.answer(feed).float().cpu().numpy()
                found.update(zip(rows, logits, strict=True))
        return [found[row] for row in range(len(encoded))]

    def answer(self, feed: dict[str, torch.Tensor]) -> torch.Tensor:
        """What the model says of one batch, a row for each text."""
        logits: torch.Tensor = self._model(**feed).logits
        return logits


def _windows(encoded: Sequence[Encoded]) -> list[Window]:
    return [window for one in encoded for window in one]


def reference_logits(
    checkpoint: Checkpoint, texts: Sequence[Input], windows: Windows | None = None
) -> Logits:
    """A checkpoint's logits as transformers gives them, (texts, labels); see `Reference`."""
    reference = Reference(checkpoint, windows)
    return reference.logits(reference.encode(texts))
