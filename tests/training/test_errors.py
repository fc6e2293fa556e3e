"""Errors come whole out of another process, where trainings run with `--jobs`."""

import pickle

import pytest

from export import errors as of_export
from training import errors as of_training
from training.errors import Interrupted, Paused, TrainingError

CLASSES = [
    one
    for module in (of_training, of_export)
    for one in vars(module).values()
    if isinstance(one, type) and issubclass(one, Exception) and one.__module__ == module.__name__
]
MADE = {Paused: Paused(3, 9), Interrupted: Interrupted("go on with --resume", 2)}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_comes_whole_out_of_another_process(kind: type[Exception]) -> None:
    """One that cannot be made anew there would be taken for the process's death."""
    error = MADE.get(kind) or kind("what to do")
    came = pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    assert type(came) is kind
    assert str(came) == str(error)
    assert vars(came) == vars(error)


def test_what_they_say() -> None:
    """A pause says how far it came, and what asked to stop is told."""
    assert str(MADE[Paused]) == "paused at step 3 of 9"
    assert isinstance(MADE[Interrupted], TrainingError)
    assert vars(MADE[Interrupted]) == {"signal": 2}
