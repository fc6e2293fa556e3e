"""A process that carries out one order: told on standard input, it says on standard output.

    python -m benchmarks.reliability.agents.agent

It stops when its input ends: whoever gave the order has enough, or has gone. Each line that it
says is a list of requests that have ended.
"""

import asyncio
import json
import os
import sys
import threading
from pathlib import Path

import uvloop

from benchmarks.reliability.fate import Sample
from benchmarks.reliability.load import loops
from benchmarks.reliability.load.orders import ORDER, QUESTIONS, Clients, Order, Rate

SAY_SECONDS = 0.25


class Mouth:
    """Says what has ended, some at a time."""

    def __init__(self) -> None:
        self._samples: list[Sample] = []

    def add(self, sample: Sample) -> None:
        """Notes a request that has ended."""
        self._samples.append(sample)

    def say(self) -> None:
        """Says what was noted since."""
        if self._samples:
            rows = [[round(s[0], 4), round(s[1], 3), *s[2:]] for s in self._samples]
            print(json.dumps(rows, separators=(",", ":")), flush=True)  # noqa: T201  its language
            self._samples.clear()

    async def keep_saying(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(SAY_SECONDS)
            self.say()


async def carry_out(order: Order, mouth: Mouth, stop: asyncio.Event) -> None:
    """Does what is ordered."""
    questions = QUESTIONS.validate_json(Path(order.questions).read_bytes())
    saying = asyncio.create_task(mouth.keep_saying())
    try:
        if isinstance(order, Rate):
            await loops.at_a_rate(order, questions, mouth.add, stop)
        elif isinstance(order, Clients):
            await loops.by_clients(order, questions, mouth.add, stop)
        else:
            from benchmarks.reliability.shots import shooting

            await shooting.shoot(order, questions, mouth.add, stop)
    finally:
        saying.cancel()
        mouth.say()


async def _main() -> None:
    order = ORDER.validate_json(sys.stdin.readline())
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def until_it_ends() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(stop.set)

    # A daemon: an order that is carried out before the input ends waits for nobody.
    threading.Thread(target=until_it_ends, daemon=True).start()
    await carry_out(order, Mouth(), stop)


if __name__ == "__main__":
    uvloop.run(_main())
    sys.stdout.flush()
    os._exit(0)  # the thread holds the input, which an ordinary end would wait for
