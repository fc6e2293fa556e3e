"""Texts as the rows that the Trainer reads: token ids, labels, and teachers' logits.

Token ids lie on disk and are mapped from there; nothing of them is held as Python's lists.
"""

import uuid
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias

import datasets
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from service.runtime.model import Input
from training.data.labelled import Targets
from training.models.checkpoints.reading import Reading
from training.scratch import mapped
from training.teach.teachers.store import Logits
from training.telling import tell

TokenIds: TypeAlias = pa.ChunkedArray  # of lists of int32

AT_ONCE = 8192  # texts whose tokens are in memory
LISTS = pa.list_(pa.int32())
MANY = 0.05  # of all texts, which a user should know of


class Tokens(NamedTuple):
    """What a model reads of some texts.

    Attributes:
        ids: of each text.
        types: which text of a pair each token is of; None: the model is not told.
    """

    ids: TokenIds
    types: TokenIds | None = None


def tokens_of(texts: Sequence[Input], reading: Reading) -> Tokens:
    """What a model reads of each text, altered ones among them."""
    tokenizer, types = reading.tokenizer_of(texts), reading.types

    def batches() -> Iterator[pa.RecordBatch]:
        for start in range(0, len(texts), AT_ONCE):
            items = tokenizer.encode(texts[start : start + AT_ONCE])
            ends = np.cumsum([0, *(len(item.ids) for item in items)], dtype=np.int32)
            ids = [_lists(ends, (one for item in items for one in item.ids))]
            if types:
                each = (item.type_ids or [0] * len(item.ids) for item in items)
                ids.append(_lists(ends, (one for row in each for one in row)))
            yield pa.record_batch(ids, schema=schema)

    schema = pa.schema([(name, LISTS) for name in (("ids", "types") if types else ("ids",))])
    table = mapped(batches(), schema)
    return Tokens(table["ids"], table["types"] if types else None)


def _lists(ends: npt.NDArray[np.int32], values: Iterator[int]) -> pa.ListArray:
    return pa.ListArray.from_arrays(ends, np.fromiter(values, np.int32, int(ends[-1])))


def new_rows(
    tokens: Tokens,
    targets: Targets | None,
    soft: Logits | None = None,
    teacher: Tokens | None = None,
) -> datasets.Dataset:
    """One row for each text.

    Args:
        tokens: that the model reads.
        targets: what the labels say; None: nothing is learnt from labels.
        soft: (texts, labels), the teachers' logits; or (texts, size), a teacher's vectors.
        teacher: what a teacher reads that runs beside the model, if it is something else.
    """
    columns = {"input_ids": tokens.ids}
    if targets is not None:
        columns["labels"] = _column(targets)
    if tokens.types is not None:
        columns["token_type_ids"] = tokens.types
    if soft is not None:
        columns["teacher_logits"] = _column(soft)
    if teacher is not None:
        columns["teacher_input_ids"] = teacher.ids
        if teacher.types is not None:
            columns["teacher_token_type_ids"] = teacher.types
    table = datasets.table.InMemoryTable(pa.table(columns))
    # Without a fingerprint of its own the library would hash all that the table holds.
    return datasets.Dataset(table, fingerprint=uuid.uuid4().hex[:16])


def lengths_of(rows: datasets.Dataset) -> npt.NDArray[np.int32]:
    """How many tokens each row has; the rows themselves are not read."""
    chunks = rows.data.column("input_ids").chunks
    counts = [np.empty(0, np.int32), *(chunk.value_lengths().to_numpy() for chunk in chunks)]
    return np.concatenate(counts)


def tell_cut(rows: datasets.Dataset, most: int) -> None:
    """Says that many texts are as long as what is read of a text, or longer.

    Args:
        most: tokens that are read of each.
    """
    share = float(np.mean(lengths_of(rows) >= most))
    if share >= MANY:
        tell(
            f"{share:.0%} of {len(rows)} texts fill the {most} tokens that are read of each "
            "(data.max_length), and what is over is not learnt from; more take longer"
        )


def _column(values: npt.NDArray[np.generic]) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values)
    flat = np.ascontiguousarray(values).reshape(-1)
    ends = np.arange(0, len(flat) + 1, values.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(ends, flat)
