"""Tagged texts as the rows that the Trainer reads, and rows as batches.

Rows lie on disk and are mapped from there.
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import torch
from tqdm.auto import tqdm

from service.runtime.model import Item
from service.runtime.tokenizer import Tokenizer
from training.data.tags.tagged import TaggedText
from training.data.tags.tokens import Labelling, Later, label_tokens
from training.problem import UNLABELLED
from training.scratch import mapped
from training.teach.tags.logits import AT_ONCE
from training.teach.tags.teacher import TaggingTeacher, mean_logits

NUMBERS = pa.list_(pa.int32())
SCHEMA = pa.schema([("input_ids", NUMBERS), ("labels", NUMBERS), ("taught", pa.list_(pa.bool_()))])
TAUGHT = SCHEMA.append(pa.field("teacher_logits", pa.list_(pa.float32())))


@dataclass
class Losses:
    """What of some tagged texts is not learnt from.

    Attributes:
        cut: texts that are longer than what is read of them.
        words: of those texts, that are not read.
        entities: of which no token is, because they are cut off or the tokeniser drops them.
    """

    cut: int = 0
    words: int = 0
    entities: int = 0

    def add(self, text: str, item: Item, labelling: Labelling) -> None:
        """Counts one text."""
        self.entities += labelling.lost
        if item.truncated:
            self.cut += 1
            end = max((place.end for place in item.places or () if place), default=0)
            self.words += len(text[end:].split())

    def told(self, what: str) -> list[str]:
        """What a user should know, in sentences."""
        found = []
        if self.cut:
            found.append(
                f"{self.cut} of the {what} texts are longer than data.max_length: {self.words} of "
                "their words are not read"
            )
        if self.entities:
            found.append(
                f"{self.entities} entities of the {what} texts have no token that is read, and "
                "are not learnt"
            )
        return found


@dataclass
class RowMaker:
    """Makes rows of tagged texts for one model.

    Attributes:
        labels: of the model.
        later: which tokens of a word are learnt.
        losses: counted as rows are made.
    """

    tokenizer: Tokenizer
    labels: tuple[str, ...]
    later: Later
    teachers: Sequence[TaggingTeacher] = ()
    losses: Losses = field(default_factory=Losses)

    def rows(self, data: TaggedText, *, labelled: bool = True) -> datasets.Dataset:
        """One row for each text.

        Args:
            labelled: whether the texts' spans say anything; else only teachers do.
        """
        schema = TAUGHT if self.teachers else SCHEMA
        table = mapped(self._batches(data, labelled, schema), schema)
        # Without a fingerprint of its own the library would hash all that the table holds.
        return datasets.Dataset(
            datasets.table.InMemoryTable(table), fingerprint=uuid.uuid4().hex[:16]
        )

    def _batches(
        self, data: TaggedText, labelled: bool, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        bar = tqdm(total=len(data), desc="logits of tokens", unit="text", disable=not self.teachers)
        with bar:
            for start in range(0, len(data), AT_ONCE):
                texts = data.texts[start : start + AT_ONCE]
                spans = data.spans[start : start + AT_ONCE]
                items = self.tokenizer.encode(texts, placed=True)
                found = [
                    self._labelling(*one, labelled) for one in zip(texts, items, spans, strict=True)
                ]
                columns: list[Any] = [
                    pa.array([item.ids for item in items], NUMBERS),
                    pa.array(
                        [
                            one.labels if labelled else [UNLABELLED] * len(one.labels)
                            for one in found
                        ],
                        NUMBERS,
                    ),
                    pa.array([[label != UNLABELLED for label in one.labels] for one in found]),
                ]
                if self.teachers:
                    logits = mean_logits(self.teachers, texts, items)
                    columns.append(_flat(logits))
                bar.update(len(texts))
                yield pa.record_batch(columns, schema=schema)

    def _labelling(self, text: str, item: Item, spans: Any, labelled: bool) -> Labelling:
        found = label_tokens(text, item.places or (), spans, self.labels, self.later)
        if labelled:
            self.losses.add(text, item, found)
        return found


def _flat(rows: Sequence[np.ndarray[Any, np.dtype[np.float32]]]) -> pa.Array:
    ends = np.cumsum([0, *(row.size for row in rows)], dtype=np.int32)
    return pa.ListArray.from_arrays(ends, np.concatenate([row.reshape(-1) for row in rows]))


class TagCollator:
    """Makes a batch of rows, padded on the right to the longest.

    Args:
        pad_id: what fills the token ids.
        labels: how many the model has.
    """

    def __init__(self, pad_id: int, labels: int) -> None:
        self._pad_id = pad_id
        self._labels = labels

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Rows as tensors, (batch, time), and `teacher_logits` (batch, time, labels)."""
        shape = len(rows), max(len(row["input_ids"]) for row in rows)
        batch = {
            "input_ids": torch.full(shape, self._pad_id),
            "attention_mask": torch.zeros(shape, dtype=torch.long),
            "labels": torch.full(shape, UNLABELLED),
        }
        taught = "teacher_logits" in rows[0]
        if taught:
            batch["taught"] = torch.zeros(shape, dtype=torch.bool)
            batch["teacher_logits"] = torch.zeros((*shape, self._labels))
        for place, row in enumerate(rows):
            end = len(row["input_ids"])
            batch["input_ids"][place, :end] = torch.tensor(row["input_ids"])
            batch["attention_mask"][place, :end] = 1
            batch["labels"][place, :end] = torch.tensor(row["labels"])
            if taught:
                batch["taught"][place, :end] = torch.tensor(row["taught"])
                logits = torch.tensor(row["teacher_logits"]).reshape(end, self._labels)
                batch["teacher_logits"][place, :end] = logits
        return batch
