"""The order in which training reads its texts."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler

POOL_BATCHES = 50  # texts are sorted by length within this many batches


class BucketSampler(Sampler[int]):
    """Batches of like length in random order, so that little is padded.

    The Trainer's own `group_by_length` hands batches out from the longest to the shortest,
    over and over; a Bi-LSTM hardly learns in that order (docs/experiments.md).

    Args:
        lengths: tokens of each text.
        batch_size: how many consecutive indices the loader makes a batch of.
        seed: with the epoch it fixes the order.
        weights: how often each text is drawn, against the others; None: each comes once.
    """

    def __init__(
        self,
        lengths: Sequence[int] | npt.NDArray[np.integer],
        batch_size: int,
        seed: int,
        weights: npt.NDArray[np.floating] | None = None,
    ) -> None:
        self._lengths = np.asarray(lengths)
        self._shares = None if weights is None else weights / weights.sum(dtype=np.float64)
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def __len__(self) -> int:
        return len(self._lengths)

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch's order; the Trainer calls it, on resume too."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng([self._seed, self._epoch])
        order = random.permutation(len(self))
        if self._shares is not None:
            order = random.choice(len(self), len(self), p=self._shares)
        pool = POOL_BATCHES * self._batch_size
        batches = []
        for start in range(0, len(order), pool):
            part = order[start : start + pool]
            part = part[np.argsort(self._lengths[part], kind="stable")]
            batches += [
                part[at : at + self._batch_size] for at in range(0, len(part), self._batch_size)
            ]
        random.shuffle(batches)
        # Only a batch that is not full may differ in size, and only the last may be that one.
        batches.sort(key=lambda batch: len(batch) < self._batch_size)
        for batch in batches:
            yield from batch.tolist()
