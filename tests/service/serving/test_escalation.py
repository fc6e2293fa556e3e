"""By when a model is to answer, and which texts it can answer by then."""

import time

import pytest

from service.serving.escalation import KEPT, dues, that_fit
from service.serving.shapes import Answer
from service.serving.versions.plan import Spare
from tests.service.builders import manifest_of
from tests.service.serving.fakes import Said


def answers(*said: tuple[int, float]) -> list[Answer]:
    """Of texts with so many tokens and such a confidence."""
    return [
        Answer(Said(0, tokens, sure), manifest_of(), tokens, False, False) for tokens, sure in said
    ]


@pytest.mark.parametrize(
    ("spare", "seconds"), [(Spare(), 10.0), (Spare(2.0), 2.0), (Spare(20.0), 10.0)]
)
def test_with_leave_the_sooner_of_deadline_and_objective_holds(
    spare: Spare, seconds: float
) -> None:
    """What waits too long for the first model is refused, and for the next is spared.

    What the first has let in it may answer until the deadline; of the time for the next a part is
    kept for writing the answer.
    """
    deadline = time.monotonic() + 10
    first, later = dues(spare, deadline)
    assert first.start - first.came == pytest.approx(seconds, abs=0.5)
    assert (first.end, first.spared) == (deadline, False)
    assert later.end - later.came == pytest.approx(KEPT * (first.start - first.came))
    assert (later.start, later.spared) == (later.end, True)


def test_all_texts_go_on_that_can_be_answered_in_time() -> None:
    """And of too many those of which the model was least sure, in the request's order."""
    found = answers((10, 0.5), (10, 0.9), (10, 0.4), (10, 0.6))
    rows = [0, 2, 3]
    assert that_fit(rows, found, 30.0, 1.0) == rows
    assert that_fit(rows, found, 29.0, 1.0) == [0, 2]
    assert that_fit(rows, found, 10.0, 1.0) == [2]
    assert that_fit(rows, found, 9.0, 1.0) == []
    assert that_fit(rows, found, 9.0, 1.0, least=1) == [2]
    assert that_fit(rows, found, -1.0, 0.0) == []
    assert that_fit(rows, found, 0.1, 0.0) == rows
