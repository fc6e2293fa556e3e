"""What models take for texts, in turns: the processor's time, and texts a second."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from export.measure.served import one_batch
from export.measure.threads import threads
from export.measure.timing import latencies, throughputs
from service.runtime.model import Input
from service.runtime.tasks.classification import Classifier

TIMED_TEXTS = 300
TOGETHER = 16  # texts of a batch


@dataclass(frozen=True)
class Times:
    """What a model takes, in milliseconds and texts a second; see `results.Candidate`."""

    p50_ms: float
    p99_ms: float
    mean_ms: float
    texts_per_second: float


def timed(models: Sequence[Classifier], texts: Sequence[Input]) -> list[Times]:
    """What each model takes for a text alone, in turns of a few texts, and for many together.

    It is the processor's time, which other work on the machine lengthens far less than the clock's.
    """
    some = list(texts[:: max(1, len(texts) // TIMED_TEXTS)])[:TIMED_TEXTS]
    runs = [partial(one_batch, model) for model in models]
    with threads(1):
        alone = latencies(runs, some, clock=time.process_time)
        together = throughputs(runs, some, [TOGETHER] * len(runs), time.process_time)
    return [
        Times(one.p50_ms, one.p99_ms, one.mean_ms, many.texts_per_second)
        for one, many in zip(alone, together, strict=True)
    ]
