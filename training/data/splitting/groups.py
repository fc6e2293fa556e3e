"""Pairs that share their first text, a premise or a query, go to one set together.

A model that has learnt from a query's other passages has seen the query: what it says of one that
is held out would be no measure of new ones.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from service.runtime.model import Input
from training.data.labelled import LabelledText
from training.data.splitting.spans import Places, keys_of
from training.data.texts import are_pairs, firsts_of
from training.telling import tell

LOOKED_AT = 32  # groups of which the next is chosen


def groups_of(data: LabelledText, rows: Places) -> Places | None:
    """The number of each row's group, by the words of its first text; None: no two share one."""
    if not data.pairs:
        return None
    keys = keys_of(firsts_of(data.select(rows).texts))
    _, firsts, places = np.unique(keys, return_index=True, return_inverse=True)
    if len(firsts) == len(rows):
        return None
    # By where each begins: the keys are hashes, and their order is this process's own.
    numbers = np.empty(len(firsts), np.int64)
    numbers[np.argsort(firsts)] = np.arange(len(firsts))
    return numbers[places]


def tell_shared(data: LabelledText, test: Sequence[Input]) -> None:
    """Says how many pairs share their first text with a test set, which its owner made so."""
    if not (data.pairs and are_pairs(test)):
        return
    both = np.isin(keys_of(firsts_of(data.texts)), keys_of(firsts_of(test)))
    if both.any():
        tell(
            f"train: {both.sum()} of {len(data)} pairs have a first text that pairs of the test "
            "set have too: of new first texts the scores on it say less"
        )


def draw_groups(
    table: npt.NDArray[np.bool_], groups: Places, sizes: list[int], seed: int
) -> list[Places]:
    """Draws sets of whole groups, each label near to its share in each of them.

    Args:
        table: (rows, labels), which labels each row has.
        groups: (rows,), which group each is of.
        sizes: of each set, in rows; where no group fits that well, a set is a little smaller, and
            one that not even the smallest group fits is that group.

    Returns:
        Rows of `table` for each set; all are different.
    """
    members = np.bincount(groups)
    counts = np.zeros((len(members), table.shape[1]))
    np.add.at(counts, groups, table)
    shares = table.mean(axis=0)
    free = np.random.default_rng(seed).permutation(len(members)).tolist()
    sets = []
    for size in sizes:
        taken: list[int] = []
        have, n = np.zeros(table.shape[1]), 0
        while n < size and free:
            looked = _fitting(free, members, size - n)
            if not looked:
                if taken:
                    break
                looked = [min(free, key=lambda group: int(members[group]))]
            after = have + counts[looked]
            wanted = shares * (n + members[looked])[:, np.newaxis]
            chosen = looked[int(((after - wanted) ** 2).sum(axis=1).argmin())]
            free.remove(chosen)
            taken.append(chosen)
            have, n = have + counts[chosen], n + int(members[chosen])
        sets.append(np.flatnonzero(np.isin(groups, taken)))
    return sets


def _fitting(free: list[int], members: Places, room: int) -> list[int]:
    """The first groups of no more members than there is room for."""
    found = []
    for group in free:
        if members[group] <= room:
            found.append(group)
            if len(found) == LOOKED_AT:
                break
    return found
