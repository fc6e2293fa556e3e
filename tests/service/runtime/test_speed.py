"""What a batch costs, measured on a model whose costs are known."""

import time

import pytest

from service.runtime import speed


def test_costs_of_a_known_model_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fit gives back what made the times, whatever runs beside it."""
    clock = 0.0
    truth = speed.Speed(batch=3e-4, step=2e-5, token=1e-5)
    slowed = iter([1.0, 5.0, 1.0] * len(speed.SHAPES))  # every second run is disturbed

    def run(rows: int, tokens: int) -> None:
        nonlocal clock
        clock += truth.seconds(rows, tokens) * next(slowed)

    monkeypatch.setattr(time, "thread_time", lambda: clock)
    assert speed.measure(run) == pytest.approx(truth)


def test_costs_are_never_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that says nonsense gives costs that batches can be chosen by."""
    times = iter(range(1000, 0, -1))
    monkeypatch.setattr(time, "thread_time", lambda: next(times))
    found = speed.measure(lambda rows, tokens: None)  # noqa: ARG005  as it is called
    assert min(found) >= 0
    assert found.token > 0
