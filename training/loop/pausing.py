"""Pauses a training at a share of its schedule or after a time, or ends it there; it can go on.

A training that is to end after a time has its learning rate fall to nothing in the last half of
it: one that is merely cut off, its rate still high, is worse than a shorter one that came to rest
(Hägele et al. 2024, arXiv:2405.18392). Knows the Trainer, and nothing of why somebody wants to look
at a model half trained.
"""

import math
import time
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.errors import Paused

FALLING = 0.5  # the share of the time in which the learning rate falls, where the time is the end
KNOWN = 0.1  # the share of the time after which it is known whether the schedule ends in it
OVER = 1.1  # times what there is: so much time is too little


class Pause(TrainerCallback):
    """Stops at the first evaluation at or after a share of the schedule, once it is saved.

    Args:
        until: that share; 1: the whole of it.
        end: come to a regular end there, with the best checkpoint until then.
        seconds: of training, after which it is evaluated once more and stops, wherever that is;
            where it is to end there, on a learning rate that has fallen to nothing. A training of
            the whole schedule stops as soon as it is known that the time is too short for it.
    """

    def __init__(self, until: float, *, end: bool = False, seconds: float = math.inf) -> None:
        self._until = until
        self._end = end
        self._seconds = seconds
        self._began = math.inf
        self._first = 0
        self._reached = False

    def on_train_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002  the Trainer passes it
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Called by the Trainer."""
        self._began, self._first = time.monotonic(), state.global_step
        if self._end and 0 < self._until * state.max_steps <= state.global_step:
            control.should_training_stop = True  # it is there already

    def on_step_end(
        self,
        args: TrainingArguments,  # noqa: ARG002  the Trainer passes it
        state: TrainerState,
        control: TrainerControl,
        optimizer: torch.optim.Optimizer | None = None,
        **_: Any,
    ) -> None:
        """Called by the Trainer, after the schedule has set the rate of the next step."""
        if self._is_late(state):  # an evaluation may be far away
            control.should_evaluate = True
        elif self._end and optimizer is not None:
            for group in optimizer.param_groups:
                group["lr"] *= min(1.0, (1 - self._gone) / FALLING)

    @property
    def _gone(self) -> float:
        """The share of the time that is over."""
        return (time.monotonic() - self._began) / self._seconds if self._seconds else 1.0

    def _is_late(self, state: TrainerState) -> bool:
        gone = self._gone
        if self._end or self._until < 1 or gone < KNOWN:
            return gone >= 1
        done, lacking = state.global_step - self._first, state.max_steps - state.global_step
        return gone >= 1 or gone * (1 + lacking / max(1, done)) > OVER

    def on_evaluate(
        self,
        args: TrainingArguments,  # noqa: ARG002  the Trainer passes it
        state: TrainerState,
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Called by the Trainer."""
        far = state.global_step >= self._until * state.max_steps
        if (far or self._is_late(state)) and state.global_step < state.max_steps:
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
