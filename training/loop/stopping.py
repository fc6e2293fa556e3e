"""Stops a training where it can be gone on with: by a signal, and now and then for a kill.

Ctrl-C and SIGTERM let the step that runs come to its end and have it saved; a second Ctrl-C does
not wait. Knows the Trainer and nothing of what it trains.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from training.errors import Interrupted

SIGNALS = (signal.SIGINT, signal.SIGTERM)
FIRST_SAVE = 60.0  # seconds after the first step
SAVE_EVERY = 600.0  # seconds: what a kill may lose


class Stop:
    """Whether somebody asked to stop."""

    def __init__(self) -> None:
        self.signal: int | None = None

    @contextmanager
    def listening(self) -> Iterator["Stop"]:
        """Takes signals while the context lasts, in the main thread; in another it takes none."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {number: signal.signal(number, self._take) for number in SIGNALS}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _take(self, number: int, _: FrameType | None) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt
        self.signal = number


class SaveAndStop(TrainerCallback):
    """Has the Trainer save soon after it began, every few minutes, and when it is to stop.

    Args:
        stop: asked after each step.
        first: seconds after the first step when it saves.
        every: seconds from one such save to the next.
    """

    def __init__(self, stop: Stop, first: float = FIRST_SAVE, every: float = SAVE_EVERY) -> None:
        self._stop = stop
        self._every = every
        self._first = first
        self._due: float | None = None

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,  # noqa: ARG002  the Trainer passes it
        control: TrainerControl,
        **_: Any,
    ) -> None:
        """Called by the Trainer."""
        now = time.monotonic()
        if self._due is None:
            self._due = now + self._first
        stop, save = self._agreed(self._stop.signal is not None, now >= self._due, args)
        if stop or save:
            control.should_save = True
            control.should_training_stop |= stop

    def on_save(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **_: Any,
    ) -> None:
        """Called by the Trainer.

        Raises:
            Interrupted: it was asked to stop, and what it learnt is saved.
        """
        self._due = time.monotonic() + self._every
        if self._stop.signal is not None:
            raise Interrupted(
                f"stopped at step {state.global_step} of {state.max_steps}, which is saved: "
                "give the same command with --resume to go on",
                self._stop.signal,
            )

    def _agreed(self, stop: bool, save: bool, args: TrainingArguments) -> tuple[bool, bool]:
        """What any of the processes wants, which all do at the same step."""
        if args.world_size > 1:
            wants = torch.tensor([int(stop), int(save)], device=args.device)
            torch.distributed.all_reduce(wants, op=torch.distributed.ReduceOp.MAX)
            stop, save = (bool(value) for value in wants.tolist())
        if stop and self._stop.signal is None:
            self._stop.signal = signal.SIGINT  # another process was told
        return stop, save
