"""What embeddings are judged by: which text is nearest to which. Numbers in, numbers out.

Near is by cosine, whatever the vectors' lengths.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.score.intervals import wilson_interval

Vectors = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

AT_ONCE = 1024  # rows whose similarities to all are in memory
DEPTH = 10  # neighbours that a ranking is judged by


def normalized(vectors: Vectors) -> Vectors:
    """The vectors with length 1; one of length 0 stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: Vectors = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return found


def cosines(first: Vectors, second: Vectors) -> npt.NDArray[np.float64]:
    """Of two vectors of each text, (n,)."""
    one, two = (normalized(each).astype(np.float64) for each in (first, second))
    return np.asarray((one * two).sum(axis=1))


def nearest(vectors: Vectors, among: Vectors | None = None, depth: int = 1) -> Places:
    """The nearest of each vector, (n, depth), the nearest first; fewer where there are fewer.

    Args:
        among: where they are looked for; None: among the others of `vectors`.
    """
    queries = normalized(vectors)
    index = queries if among is None else normalized(among)
    depth = min(depth, len(index) - (among is None))
    found = np.empty((len(queries), max(depth, 0)), np.int64)
    if depth < 1:
        return found
    for start in range(0, len(queries), AT_ONCE):
        similar = queries[start : start + AT_ONCE] @ index.T
        rows = np.arange(len(similar))
        if among is None:
            similar[rows, start + rows] = -np.inf
        best = np.argpartition(-similar, depth - 1, axis=1)[:, :depth]
        order = np.argsort(-np.take_along_axis(similar, best, axis=1), axis=1, kind="stable")
        found[start : start + AT_ONCE] = np.take_along_axis(best, order, axis=1)
    return found


def kept(before: Vectors, after: Vectors) -> BoolArray:
    """Of each text whether its nearest other is the same by both, (n,); none of a single text."""
    if len(before) < 2:
        return np.zeros(0, np.bool_)
    same: BoolArray = nearest(before)[:, 0] == nearest(after)[:, 0]
    return same


@dataclass(frozen=True)
class Retrieval:
    """How often texts of one label are near each other.

    Attributes:
        hits: (n,), whether the nearest text has the text's label.
        mean_average_precision: of the ten nearest (MAP@10).
    """

    hits: BoolArray
    mean_average_precision: float

    @property
    def n(self) -> int:
        """Texts."""
        return len(self.hits)

    @property
    def neighbours(self) -> tuple[float, float, float]:
        """The share of hits, with its interval at 95% (Wilson's)."""
        right = int(self.hits.sum())
        return right / self.n, *wilson_interval(right, self.n)


def retrieval(
    vectors: Vectors,
    labels: Places,
    among: Vectors | None = None,
    their_labels: Places | None = None,
) -> Retrieval:
    """Looks for each text's label at its nearest texts.

    Args:
        vectors: (n, size).
        labels: (n,).
        among: of the texts that are looked at, with `their_labels`; None: the others of `vectors`.
    """
    if len(vectors) < 1 + (among is None):
        raise ValueError("a nearest other text takes two texts")
    pool = labels if their_labels is None else their_labels
    places = nearest(vectors, among, DEPTH)
    same = pool[places] == labels[:, np.newaxis]
    ranks = np.arange(1, places.shape[1] + 1)
    counts = np.bincount(pool, minlength=int(max(pool.max(), labels.max())) + 1)[labels]
    possible = np.minimum(counts - (among is None), places.shape[1]).clip(min=1)
    precision = (np.cumsum(same, axis=1) / ranks * same).sum(axis=1) / possible
    return Retrieval(same[:, 0], float(precision.mean()))


def components(vectors: Vectors, size: int) -> Vectors:
    """What makes vectors shorter and changes their cosines least, (their size, `size`).

    The right singular vectors of what is given, the greatest first; nothing is centred, as a
    cosine is not.
    """
    even = normalized(vectors).astype(np.float64)
    _, found = np.linalg.eigh(even.T @ even)  # in ascending order
    return np.ascontiguousarray(found[:, ::-1][:, :size], np.float32)
