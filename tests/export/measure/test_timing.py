"""Timing: turns, batches and figures, by a clock that says what a model takes."""

from collections.abc import Sequence

import pytest

from export.measure.timing import fastest_size, latencies, throughputs
from service.runtime.model import Input


class Clock:
    """Seconds, which pass as models run alone."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log: list[tuple[str, list[Input]]] = []

    def __call__(self) -> float:
        """The time."""
        return self.now


class Fake:
    """A model that says a text's length, and takes so long for a batch and for each text."""

    def __init__(self, clock: Clock, name: str, *, batch: float = 0.0, each: float = 0.0) -> None:
        self._clock, self._name, self._batch, self._each = clock, name, batch, each

    def __call__(self, texts: Sequence[Input]) -> list[int]:
        """One batch."""
        self._clock.log.append((self._name, list(texts)))
        self._clock.now += self._batch + self._each * len(texts)
        return [len(text) for text in texts]


def test_models_take_turns_of_a_few_texts() -> None:
    """The same ones by all, each alone, and who is first changes; what warms up is not counted."""
    clock = Clock()
    models = [Fake(clock, "a", each=0.001), Fake(clock, "b", each=0.002)]
    texts = [str(number) for number in range(14)]
    first, second = latencies(models, texts, runs=16, warm_up=2, clock=clock)
    again = [*texts, *texts][:18]
    expected = [("a", again[:10]), ("b", again[:10]), ("b", again[10:]), ("a", again[10:])]
    assert clock.log == [(name, [text]) for name, some in expected for text in some]
    assert (first.runs, second.runs) == (16, 16)
    assert first.mean_ms == pytest.approx(1.0)
    assert second.p99_ms == pytest.approx(2.0)


def test_percentiles_are_of_the_timed_runs() -> None:
    """The first texts take a thousand times as long, and nobody hears of it."""
    clock = Clock()

    def slow_at_first(texts: Sequence[Input]) -> list[int]:
        place = len(clock.log)
        clock.log.append(("", list(texts)))
        clock.now += 1.0 if place < 5 else 0.001 * (place - 4)
        return [0]

    (found,) = latencies([slow_at_first], ["x"], runs=100, warm_up=5, clock=clock)
    assert found.mean_ms == pytest.approx(50.5)
    assert found.p50_ms == pytest.approx(50.5)
    assert found.p95_ms == pytest.approx(95.05)
    assert found.p99_ms == pytest.approx(99.01)


def test_batches_are_of_like_length_and_answers_in_order() -> None:
    """Each model has its own size, and both read the same texts by turns."""
    clock = Clock()
    models = [Fake(clock, "a", batch=1.0), Fake(clock, "b", batch=1.0, each=1.0)]
    texts = ["four", "a", "seventh", "bb", "ccc", "longest.."]
    first, second = throughputs(models, texts, [4, 2], clock)
    assert list(first.answers) == list(second.answers) == [4, 1, 7, 2, 3, 9]
    assert [(name, list(map(len, batch))) for name, batch in clock.log] == [
        *(("a", [1, 2, 3, 4]), ("b", [1, 2]), ("b", [3, 4])),
        *(("b", [7, 9]), ("a", [7, 9])),
    ]
    assert first.texts_per_second == pytest.approx(6 / 2)
    assert second.texts_per_second == pytest.approx(6 / 9)


@pytest.mark.parametrize(("batch", "each", "size"), [(1.0, 0.0, 64), (0.0, 1.0, 1)])
def test_the_fastest_size_is_found(batch: float, each: float, size: int) -> None:
    """What a batch costs is shared, where anything is; else one text alone is as fast."""
    clock = Clock()
    model = Fake(clock, "a", batch=batch, each=each)
    assert fastest_size(model, ["text"] * 128, clock) == size


def test_sizes_that_get_slower_are_not_tried() -> None:
    """Padding is not free: from some size on, a text costs more, and larger ones cost yet more."""
    clock = Clock()

    def padded(texts: Sequence[Input]) -> list[int]:
        clock.log.append(("", list(texts)))
        clock.now += 1.0 + 0.1 * len(texts) ** 2
        return [0] * len(texts)

    assert fastest_size(padded, ["text"] * 128, clock) == 4
    assert max(len(texts) for _, texts in clock.log) == 8
