"""How prompts and all answers lie in one pass of a model: a row holds a text and every answer.

Answers that begin alike share their first tokens. A token of an answer sees the prompt and its own
answer's earlier tokens, and no other answer's: each scores as if it stood there alone. Prompts are
padded on the left, so that answers begin at one place. Knows no model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

Ids = Sequence[int]


@dataclass(frozen=True)
class Step:
    """A token of an answer, and where it is foretold: 0 at the prompt's end, n at node n - 1."""

    place: int
    token: int


@dataclass(frozen=True)
class Tree:
    """Answers as a tree of tokens, of which each foretells those that follow it.

    Attributes:
        tokens: of the nodes, parents first; a token that nothing follows is no node.
        depths: how many tokens of its answer stand before each.
        seen: (nodes, nodes), whether a node sees another: itself, and those before it.
        steps: of each answer.
    """

    tokens: tuple[int, ...]
    depths: tuple[int, ...]
    seen: npt.NDArray[np.bool_]
    steps: tuple[tuple[Step, ...], ...]


def tree_of(sequences: Sequence[Ids]) -> Tree:
    """The tree of answers, none of which begins another."""
    places: dict[tuple[int, ...], int] = {}
    for sequence in sequences:
        for length in range(1, len(sequence)):
            places.setdefault(tuple(sequence[:length]), len(places))
    seen = np.zeros((len(places), len(places)), np.bool_)
    for path, place in places.items():
        for length in range(1, len(path) + 1):
            seen[place, places[path[:length]]] = True
    steps = tuple(
        tuple(
            Step(places[tuple(sequence[:at])] + 1 if at else 0, token)
            for at, token in enumerate(sequence)
        )
        for sequence in sequences
    )
    paths = list(places)
    return Tree(
        tuple(path[-1] for path in paths), tuple(len(path) - 1 for path in paths), seen, steps
    )


@dataclass(frozen=True)
class Batch:
    """What a model is fed.

    Attributes:
        input_ids: (rows, width + nodes).
        position_ids: of the same shape, counted from each row's own beginning.
        mask: (rows, 1, width + nodes, prefix + width + nodes), added to attention's logits.
        width: of the prompts.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    mask: torch.Tensor
    width: int


def lay_out(rows: Sequence[Ids], prefix: int, tree: Tree, dtype: torch.dtype) -> Batch:
    """Lays prompts and answers out.

    Args:
        rows: token ids of the prompts behind their shared prefix, one or more each.
        prefix: tokens of that prefix, which the model holds already.
    """
    width, nodes = max(map(len, rows)), len(tree.tokens)
    total = width + nodes
    ids = np.zeros((len(rows), total), np.int64)
    positions = np.zeros((len(rows), total), np.int64)
    sees = np.zeros((len(rows), total, prefix + total), np.bool_)
    sees[:, :, :prefix] = True
    causal = np.tril(np.ones((width, width), np.bool_))
    for row, tokens in enumerate(rows):
        start = width - len(tokens)
        ids[row, start:width] = tokens
        positions[row, start:width] = prefix + np.arange(len(tokens))
        sees[row, :width, prefix : prefix + width] = causal
        sees[row, start:, prefix : prefix + start] = False  # padding, which sees itself alone
        sees[row, width:, prefix + start : prefix + width] = True
        ids[row, width:] = tree.tokens
        positions[row, width:] = prefix + len(tokens) + np.array(tree.depths, np.int64)
        sees[row, width:, prefix + width :] = tree.seen
    mask = torch.zeros(sees.shape, dtype=dtype)
    mask.masked_fill_(~torch.from_numpy(sees), torch.finfo(dtype).min)
    return Batch(torch.from_numpy(ids), torch.from_numpy(positions), mask.unsqueeze(1), width)
