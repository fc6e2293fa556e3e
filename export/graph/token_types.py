"""Token types as a graph needs them where it is not told any: one row, the same for all tokens.

Models make an id of 0 for each token and look all of them up, in four nodes and in seven where
the table is in INT8 (docs/experiments.md).
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

TABLE = "token_type_embeddings"


class _FirstRow(torch.nn.Module):
    """In a table's place."""

    row: torch.Tensor

    def __init__(self, table: torch.nn.Embedding) -> None:
        super().__init__()
        self.register_buffer("row", table.weight[0].detach())

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        """(size,), which is added to each token's as it is."""
        return self.row


@contextmanager
def one_type(module: torch.nn.Module) -> Iterator[None]:
    """Has the models in a module take every token for one of the first type."""
    found = [
        (owner, table)
        for owner in module.modules()
        if isinstance(table := getattr(owner, TABLE, None), torch.nn.Embedding)
    ]
    try:
        for owner, table in found:
            setattr(owner, TABLE, _FirstRow(table))
        yield
    finally:
        for owner, table in found:
            setattr(owner, TABLE, table)
