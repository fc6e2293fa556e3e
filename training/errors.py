"""What the pipeline's training side refuses, as one tree; each message says what to do.

TrainingError
    RecipeError       a recipe that cannot be used
    DataError         data that cannot be used
    CheckpointError   a checkpoint that cannot be read or written
    LaunchError       processes that were not started as asked
    SpaceError        a file of what to tune that cannot be used
    EndpointError     a language model elsewhere that does not answer as it should
    StudyError        a study that cannot be gone on with
    Interrupted       a training that was asked to stop, and saved
    Paused            a training that came as far as it was to come, and saved
"""

from typing import Self


class TrainingError(Exception):
    """The base of them all."""


class RecipeError(TrainingError):
    """A recipe that cannot be used; the message says which key and why."""


class DataError(TrainingError):
    """Data that cannot be used; the message says which file and what to do."""


class CheckpointError(TrainingError):
    """A checkpoint that cannot be read or written; the message says which and why."""


class LaunchError(TrainingError):
    """Processes that were not started as asked; the message says how to start them."""


class SpaceError(TrainingError):
    """A search space that cannot be used; the message says which key and why."""


class EndpointError(TrainingError):
    """A language model elsewhere that does not answer; no key and no text is in the message."""


class StudyError(TrainingError):
    """A study that cannot go on; the message says what to do."""


class Interrupted(TrainingError):
    """A training that was asked to stop, and saved; the message says how to go on.

    Args:
        message: how to go on.
        signal: that asked.
    """

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(message)
        self.signal = signal

    def __reduce__(self) -> tuple[type[Self], tuple[str, int]]:
        """As it is made: it may come out of another process."""
        return type(self), (str(self), self.signal)


class Paused(TrainingError):
    """A training that came as far as it was to come, and saved.

    Args:
        step: that it is at.
        of: steps in all.
    """

    def __init__(self, step: int, of: int) -> None:
        super().__init__(f"paused at step {step} of {of}")
        self.step = step
        self.of = of

    def __reduce__(self) -> tuple[type[Self], tuple[int, int]]:
        """As it is made: it may come out of another process."""
        return type(self), (self.step, self.of)
