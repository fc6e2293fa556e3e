"""A balancer as its clients see it: instances in turn, and `/readyz` believed late."""

import asyncio
import itertools
import time
from collections.abc import Sequence

from benchmarks.reliability.service import wire

LOOK_SECONDS = 0.2


class Balancer:
    """Chooses among the instances of a service on the loopback."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._turns = itertools.cycle(ports)
        self._ports = len(ports)
        self._unready_since: dict[int, float] = {}

    def pick(self, notices_after: float) -> int:
        """The next instance that is not known to be unready for so many seconds.

        Where all are, the next one.
        """
        now = time.monotonic()
        for _ in range(self._ports):
            port = next(self._turns)
            since = self._unready_since.get(port)
            if since is None or now - since < notices_after:
                return port
        return next(self._turns)

    async def watch(self) -> None:
        """Looks at each instance again and again, until cancelled."""
        ports = [next(self._turns) for _ in range(self._ports)]
        while True:
            for port in ports:
                if await _ready(port):
                    self._unready_since.pop(port, None)
                else:
                    self._unready_since.setdefault(port, time.monotonic())
            await asyncio.sleep(LOOK_SECONDS)


async def _ready(port: int) -> bool:
    try:
        return (await wire.get(port, "/readyz")).status == 200
    except (wire.Unreached, wire.Lost, TimeoutError):
        return False
