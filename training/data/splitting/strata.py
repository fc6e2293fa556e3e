"""Which label shares a split keeps, and how sets are drawn to keep them.

The order of the labels' names decides nothing, so that a teacher's names and a file's own give
the same sets.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.data.labelled import LabelledText
from training.problem import HAS

Places = npt.NDArray[np.int64]

BINS = 10  # of a regression's targets
MOST_DIFFERENT = 100  # targets that are each their own
AT_ONCE = 65_536  # rows of many labels that are looked at at a time


@dataclass(frozen=True)
class Strata:
    """The labels of some rows as integers, the rarest first.

    Attributes:
        rarest: (n,), each row's rarest label; of a row without any, the last.
        counts: (labels + 1,), rows that have each; the last are those without any.
        ranks: (labels in the data,), each label's place in `counts`; None: it is by `rarest`.
    """

    rarest: Places
    counts: Places
    ranks: Places | None = None

    def table(self, data: LabelledText, rows: Places, places: Places) -> npt.NDArray[np.bool_]:
        """Which labels some rows have, (rows, labels).

        Args:
            rows: of `data`.
            places: the same rows among the strata's.
        """
        table = np.zeros((len(rows), len(self.counts)), np.bool_)
        table[np.arange(len(rows)), self.rarest[places]] = True
        if self.ranks is not None:
            table[:, self.ranks] = data.targets[rows] > HAS
        return table


def strata_of(data: LabelledText, rows: Places) -> Strata:
    """The strata of some of a set's rows."""
    if data.problem == "multi_label":
        return _of_many(data, rows)
    targets = data.targets[rows]
    if data.problem == "regression":
        targets = _binned(targets)
    labels, firsts, places, counts = np.unique(
        targets, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.lexsort((firsts, counts))
    ranks = np.empty(len(labels), np.int64)
    ranks[order] = np.arange(len(labels))
    return Strata(ranks[places], np.append(counts[order], 0).astype(np.int64))


def _binned(targets: npt.NDArray[np.float32]) -> Places:
    """Each target as the number of its bin; few different ones are their own bins."""
    different = np.unique(targets)
    if len(different) <= MOST_DIFFERENT:
        return np.searchsorted(different, targets).astype(np.int64)
    edges = np.nanquantile(targets, np.linspace(0, 1, BINS + 1)[1:-1])
    return np.searchsorted(edges, targets, "right").astype(np.int64)


def _of_many(data: LabelledText, rows: Places) -> Strata:
    parts = [data.targets[rows[at : at + AT_ONCE]] > HAS for at in range(0, len(rows), AT_ONCE)]
    labels = data.targets.shape[1]
    counts = np.sum([np.zeros(labels, np.int64), *(part.sum(axis=0) for part in parts)], axis=0)
    firsts = np.full(labels, len(rows))
    for number, part in reversed(list(enumerate(parts))):
        seen = part.any(axis=0)
        firsts[seen] = number * AT_ONCE + part[:, seen].argmax(axis=0)
    order = np.lexsort((firsts, counts))
    ranks = np.empty(labels, np.int64)
    ranks[order] = np.arange(labels)
    rarest = [np.where(part.any(axis=1), part[:, order].argmax(axis=1), labels) for part in parts]
    found = np.concatenate([np.empty(0, np.int64), *rarest])
    return Strata(found, np.append(counts[order], (found == labels).sum()), ranks)


def drawn_pool(strata: Strata, order: Places, size: int, least: int) -> Places:
    """The first places of `order`, each stratum by its share, but at least so many of each."""
    rarest = strata.rarest[order]
    counts = np.bincount(rarest, minlength=len(strata.counts))
    quotas = np.maximum(np.ceil(size * counts / len(order)), least).astype(np.int64)
    by_stratum = np.argsort(rarest, kind="stable")
    begins = np.cumsum(counts) - counts
    rank = np.empty(len(order), np.int64)
    rank[by_stratum] = np.arange(len(order)) - begins[rarest[by_stratum]]
    return order[rank < quotas[rarest]]


def allocate(table: npt.NDArray[np.bool_], strata: Strata, sizes: list[int]) -> list[Places]:
    """Draws sets from rows, each label near to its share in each of them.

    Every set first gets one row of each label that has enough, the rarest first; then of the
    label that it lacks most (after Sechidis et al. 2011, "On the stratification of multi-label
    data").

    Args:
        table: (rows, labels) of the rows that may be drawn, those that are drawn first first.
        sizes: of each set.

    Returns:
        Rows of `table` for each set; all are different.
    """
    queues = [np.flatnonzero(column).tolist()[::-1] for column in table.T]
    rest = list(range(len(table)))[::-1]
    is_free = np.ones(len(table), np.bool_)
    held = np.zeros(len(strata.counts), np.int64)
    sets: list[list[int]] = [[] for _ in sizes]
    have = [np.zeros(len(strata.counts), np.int64) for _ in sizes]

    def draw(place: int, queue: list[int]) -> bool:
        while queue and not is_free[queue[-1]]:
            queue.pop()
        if not queue:
            return False
        row = queue.pop()
        is_free[row] = False
        sets[place].append(row)
        have[place][table[row]] += 1
        held[table[row]] += 1
        return True

    shares = strata.counts / max(1, len(strata.rarest))
    for place, size in enumerate(sizes):  # one after another: what comes later changes none
        for label, count in enumerate(strata.counts):
            enough = held[label] < count - max(1, count // 2)
            if enough and not have[place][label] and len(sets[place]) < size:
                draw(place, queues[label])
        closed = np.zeros(len(strata.counts), np.bool_)
        while len(sets[place]) < size:
            lacks = np.where(
                closed | (held >= strata.counts - 1), -np.inf, size * shares - have[place]
            )
            label = int(lacks.argmax())
            if lacks[label] <= 0:
                if not draw(place, rest):
                    break
            elif not draw(place, queues[label]):
                closed[label] = True
    return [np.array(found, np.int64) for found in sets]
