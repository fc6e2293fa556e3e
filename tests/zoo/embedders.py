"""The zoo's embedders: bodies of its families, with what sentence-transformers saves beside them.

Nothing is downloaded. Each builder writes a checkpoint directory and no more.
"""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from tests.embedders import owned, without_head
from tests.zoo.families import bert, mpnet, qwen2, xlmr
from tests.zoo.saving import Builder


def _embedder(directory: Path, family: Builder, *modes: str, **files: Any) -> None:
    family(directory)
    without_head(directory)
    if modes:
        owned(directory, modes, **files)


def _minilm(directory: Path) -> None:
    settings = {"max_seq_length": 32, "do_lower_case": False}
    _embedder(directory, bert, "mean", settings=settings)


def _cls(directory: Path) -> None:
    _embedder(directory, bert, "cls", new=True)


def _projected(directory: Path) -> None:
    torch.manual_seed(1)
    _embedder(directory, bert, "cls", dense=[nn.Linear(32, 24)])


def _mpnet(directory: Path) -> None:
    _embedder(directory, mpnet, "mean")


def _e5(directory: Path) -> None:
    prompts = {"query": "query: ", "passage": "passage: "}
    _embedder(directory, xlmr, "mean", stated={"prompts": prompts})


def _last(directory: Path) -> None:
    _embedder(directory, qwen2, "lasttoken", new=True)


def _weighted(directory: Path) -> None:
    _embedder(directory, bert, "weightedmean")


EMBEDDERS: dict[str, Builder] = {
    "MiniLM embedder (BERT, mean, 32 tokens)": _minilm,
    "BERT embedder, cls": _cls,
    "BERT embedder, cls, Dense": _projected,
    "MPNet embedder, mean": _mpnet,
    "e5 embedder (XLM-R, prompts)": _e5,
    "Qwen2 embedder, last token": _last,
}
REFUSED_EMBEDDERS: dict[str, Builder] = {"BERT embedder, weighted mean": _weighted}
