"""How long a model takes for a batch of given shape, measured where it runs.

What a batch costs beside its tokens differs: a recurrent model pays for every step again, however
many rows it has, an encoder next to nothing. Knows no texts and no queues.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

SHAPES = ((1, 8), (1, 32), (4, 8), (4, 32))  # rows, tokens a row
ROUNDS = 3


class Speed(NamedTuple):
    """Seconds of a batch: `batch + step * longest + token * rows * longest`.

    Attributes:
        batch: of any batch.
        step: of each position of its longest row.
        token: of each token, padding among them.
    """

    batch: float
    step: float
    token: float

    def seconds(self, rows: int, longest: int) -> float:
        """Of a batch of `rows` texts, padded to `longest` tokens."""
        return self.batch + longest * (self.step + self.token * rows)


EVEN = Speed(batch=10.0, step=0.0, token=1.0)  # of a model that was not measured; no unit


def measure(run: Callable[[int, int], object]) -> Speed:
    """The speed of a model, by least squares over the relative errors of four shapes.

    The least of three runs each, in CPU time of this thread, so that what runs beside it counts
    little. Takes the time of about 500 tokens.

    Args:
        run: runs the model on so many rows of so many tokens.
    """
    seconds = []
    for rows, tokens in SHAPES:
        runs = []
        for _ in range(ROUNDS):
            started = time.thread_time()
            run(rows, tokens)
            runs.append(time.thread_time() - started)
        seconds.append(max(min(runs), 1e-6))
    shapes = np.array([(1, tokens, rows * tokens) for rows, tokens in SHAPES])
    found = np.linalg.lstsq(shapes / np.array(seconds)[:, None], np.ones(len(SHAPES)))[0]
    batch, step, token = found.clip(min=0).tolist()
    return Speed(batch, step, max(token, 1e-9))
