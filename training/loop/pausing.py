"""Pauses a training at a share of its schedule or after a time, or ends it there; it can go on.

Knows the Trainer, and nothing of why somebody wants to look at a model half trained.
"""

import math
import time
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.errors import Paused


class Pause(TrainerCallback):
    """Stops at the first evaluation at or after a share of the schedule, once it is saved.

    Args:
        until: that share; 1: the whole of it.
        end: come to a regular end there, with the best checkpoint until then.
        seconds: of training, after which it is evaluated once more and stops, wherever that is.
    """

    def __init__(self, until: float, *, end: bool = False, seconds: float = math.inf) -> None:
        self._until = until
        self._end = end
        self._seconds = seconds
        self._began = math.inf
        self._reached = False

    def on_train_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002  the Trainer passes it
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Called by the Trainer."""
        self._began = time.monotonic()
        if self._end and 0 < self._until * state.max_steps <= state.global_step:
            control.should_training_stop = True  # it is there already

    def on_step_end(
        self,
        args: TrainingArguments,  # noqa: ARG002  the Trainer passes it
        state: TrainerState,  # noqa: ARG002
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Called by the Trainer."""
        if self._is_late:  # an evaluation may be far away
            control.should_evaluate = True

    @property
    def _is_late(self) -> bool:
        return time.monotonic() - self._began >= self._seconds

    def on_evaluate(
        self,
        args: TrainingArguments,  # noqa: ARG002  the Trainer passes it
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Called by the Trainer."""
        far = state.global_step >= self._until * state.max_steps
        if (far or self._is_late) and state.global_step < state.max_steps:
            self._reached = True
            control.should_save = True
            control.should_training_stop = True

    def on_save(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **_: Any,
    ) -> None:
        """Called by the Trainer.

        Raises:
            Paused: the share is reached, and what was learnt is saved.
        """
        if self._reached and not self._end:
            raise Paused(state.global_step, state.max_steps)
