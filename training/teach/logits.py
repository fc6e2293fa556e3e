"""A classifier's logits on texts: in batches by length, on the GPU where there is one.

Knows nothing of who needs them, and keeps none.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from tqdm.auto import tqdm
from transformers import PreTrainedModel

from service.repository.sections import Windows
from service.runtime.model import Input
from service.runtime.tasks.classification import of_inputs
from service.runtime.tokenizer import Tokenizer
from training.models.checkpoints.labels import label_names
from training.models.checkpoints.pairs import TYPE_IDS
from training.teach.teachers.store import Logits

MOST_TOKENS = 16_384  # of a batch, its padding counted: what 64 texts of 256 tokens have


def predict_logits(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    texts: Sequence[Input],
    *,
    types: bool = False,
    batch_size: int = 64,
    bf16: bool = False,
    windows: Windows | None = None,
    bar: "tqdm[None] | None" = None,
) -> Logits:
    """Runs a model over texts where it lies, batched by length so that little is padded.

    Args:
        types: whether the model is told which text of a pair each token is of.
        batch_size: the most texts at once; of long ones fewer.
        bf16: multiply matrices in bfloat16.
        windows: how a text that is too long is read; None: it is cut.
        bar: a progress bar to move on by the texts done.

    Returns:
        (texts, labels), in the order of `texts`.
    """
    items = tokenizer.encode(texts, windows)
    encodings = [window for item in items for window in (item, *item.more)]
    logits = np.empty((len(encodings), len(label_names(model.config))), dtype=np.float32)
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        for rows in batches_by_length([len(one) for one in encodings], batch_size):
            batch = [encodings[row] for row in rows]
            input_ids, attention_mask = tokenizer.pad(batch)
            feed = {"input_ids": input_ids, "attention_mask": attention_mask}
            if types:
                feed[TYPE_IDS] = tokenizer.type_ids(batch)
            output = model(**{name: torch.from_numpy(one).to(device) for name, one in feed.items()})
            logits[rows] = output.logits.float().cpu().numpy()
            if bar is not None:
                bar.update(len(rows))
    return of_inputs(items, logits, windows)


def batches_by_length(
    lengths: Sequence[int], most_rows: int, most_tokens: int = MOST_TOKENS
) -> Iterator[list[int]]:
    """Indices in batches of like length, the shortest first, each index once.

    Args:
        lengths: tokens of each text.
        most_rows: of a batch.
        most_tokens: of a batch when it is padded; a longer text is a batch of its own.
    """
    batch: list[int] = []
    for index in np.argsort(lengths, kind="stable").tolist():
        if batch and (len(batch) == most_rows or (len(batch) + 1) * lengths[index] > most_tokens):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


@contextmanager
def all_cores() -> Iterator[None]:
    """Has torch use every core while the context lasts, where other processes wait for this one.

    Launchers give each of several processes its part of the cores, and labelling is done by one.
    """
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(max(before, len(os.sched_getaffinity(0))))
    try:
        yield
    finally:
        torch.set_num_threads(before)
