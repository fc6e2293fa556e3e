"""Texts as the rows that the Trainer reads: token ids, labels, and teachers' logits.

Token ids lie on disk and are mapped from there; nothing of them is held as Python's lists.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import datasets
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.runtime.tokenizer import Tokenizer
from training.data.labelled import Targets
from training.scratch import mapped
from training.teach.store import Logits

TokenIds: TypeAlias = pa.ChunkedArray  # of lists of int32

AT_ONCE = 8192  # texts whose tokens are in memory
SCHEMA = pa.schema([("ids", pa.list_(pa.int32()))])


def token_ids(
    texts: Sequence[str],
    tokenizer: Tokenizer,
    spell: Callable[[Sequence[str]], Sequence[str]] = lambda texts: texts,
) -> TokenIds:
    """Each text's token ids.

    Args:
        spell: writes some texts as this tokeniser has to read them.
    """

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, len(texts), AT_ONCE):
            items = tokenizer.encode(spell(texts[start : start + AT_ONCE]))
            ends = np.cumsum([0, *(len(item.ids) for item in items)], dtype=np.int32)
            ids = np.fromiter((one for item in items for one in item.ids), np.int32, int(ends[-1]))
            yield pa.record_batch([pa.ListArray.from_arrays(ends, ids)], schema=SCHEMA)

    return mapped(batches(), SCHEMA)["ids"]


def new_rows(
    ids: TokenIds,
    targets: Targets,
    soft: Logits | None = None,
    teacher_ids: TokenIds | None = None,
) -> datasets.Dataset:
    """One row for each text.

    Args:
        ids: the token ids that the model reads.
        soft: (texts, labels), the teachers' logits.
        teacher_ids: the token ids of a teacher that reads beside the model, if they are others.
    """
    columns = {"input_ids": ids, "labels": _column(targets)}
    if soft is not None:
        columns["teacher_logits"] = _column(soft)
    if teacher_ids is not None:
        columns["teacher_input_ids"] = teacher_ids
    table = datasets.table.InMemoryTable(pa.table(columns))
    # Without a fingerprint of its own the library would hash all that the table holds.
    return datasets.Dataset(table, fingerprint=uuid.uuid4().hex[:16])


def lengths_of(rows: datasets.Dataset) -> npt.NDArray[np.int32]:
    """How many tokens each row has; the rows themselves are not read."""
    chunks = rows.data.column("input_ids").chunks
    counts = [np.empty(0, np.int32), *(chunk.value_lengths().to_numpy() for chunk in chunks)]
    return np.concatenate(counts)


def _column(values: npt.NDArray[np.generic]) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values)
    flat = np.ascontiguousarray(values).reshape(-1)
    ends = np.arange(0, len(flat) + 1, values.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(ends, flat)
