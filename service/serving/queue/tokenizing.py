"""Encodes requests' texts: a few on the event loop, more in a small pool of threads.

The pool's queue is bounded by characters, and a job of it gives way to the next after every part
of its texts, so that no request of many long texts holds the others up.
"""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from service.errors import DeadlineExceeded, Overloaded
from service.repository.sections import Windows
from service.runtime.model import Input, Item, Model

INLINE_CHARACTERS = 2_000  # a millisecond or less of the loop's time
MAX_CHARACTERS = 4_000_000  # that wait or are being encoded: about two seconds' work of a thread
PART_CHARACTERS = 20_000  # that a job encodes before it gives way


class TokenizerPool:
    """Threads that encode texts.

    Args:
        threads: how many.
        max_characters: that wait or are being encoded; more are refused.
    """

    def __init__(self, threads: int, max_characters: int = MAX_CHARACTERS) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="tokenize")
        self._max_characters = max_characters
        self._characters = 0

    @property
    def characters(self) -> int:
        """Characters that wait or are being encoded."""
        return self._characters

    async def encode(
        self,
        model: Model,
        texts: Sequence[Input],
        items: dict[Input, Item],
        deadline: float,
        windows: Windows | None = None,
    ) -> None:
        """Encodes those texts that have no item yet.

        A caller that is cancelled, or whose deadline passes, costs no more than the part of its
        texts that is being encoded.

        Args:
            items: by text; gets those of the others.
            deadline: on the clock of `time.monotonic`.
            windows: how what is too long is read.

        Raises:
            Overloaded: too many characters wait already.
            DeadlineExceeded: the deadline passed first.
        """
        new = [text for text in texts if text not in items] if items else texts
        characters = sum(map(len, new))
        if characters <= INLINE_CHARACTERS:
            items.update(zip(new, model.encode(new, windows), strict=True))
            return
        if self._characters and self._characters + characters > self._max_characters:
            raise Overloaded(f"{self._characters} characters wait to be tokenised")
        self._characters += characters
        job = _Job(model, new, deadline, windows)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                while job.left:
                    await loop.run_in_executor(self._executor, job.encode_part)
        except TimeoutError as error:
            raise DeadlineExceeded("the deadline passed before all texts were tokenised") from error
        finally:
            self._characters -= characters
        items.update(zip(new, job.items, strict=True))

    def stop(self) -> None:
        """Ends the threads; what waits is dropped."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class _Job:
    def __init__(
        self, model: Model, texts: Sequence[Input], deadline: float, windows: Windows | None
    ) -> None:
        self.items: list[Item] = []
        self._model = model
        self._texts = texts
        self._deadline = deadline
        self._windows = windows

    @property
    def left(self) -> bool:
        return len(self.items) < len(self._texts)

    def encode_part(self) -> None:
        """Encodes the next texts, one at least; none once the deadline has passed."""
        if time.monotonic() >= self._deadline:
            return
        start = end = len(self.items)
        room = PART_CHARACTERS
        while end < len(self._texts) and (end == start or len(self._texts[end]) <= room):
            room -= len(self._texts[end])
            end += 1
        self.items += self._model.encode(self._texts[start:end], self._windows)
