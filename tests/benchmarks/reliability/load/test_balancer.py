"""A balancer believes `/readyz` late."""

import asyncio

from benchmarks.reliability.load.balancer import Balancer
from tests.benchmarks.reliability.fake_service import FakeService


def test_the_unready_is_left_out_once_it_is_noticed() -> None:
    """At once by one who notices at once; not yet by one who takes an hour; ready again, back."""

    async def until(balancer: Balancer, expected: set[int]) -> None:
        while {balancer.pick(0.0) for _ in range(4)} != expected:
            await asyncio.sleep(0.01)

    async def run() -> None:
        async with FakeService() as one, FakeService() as other:
            both = {one.port, other.port}
            balancer = Balancer((one.port, other.port))
            watch = asyncio.create_task(balancer.watch())
            one.ready = False
            await until(balancer, {other.port})
            assert {balancer.pick(3600.0) for _ in range(4)} == both
            other.ready = False
            await until(balancer, both)  # someone must be asked
            one.ready = True
            await until(balancer, {one.port})
            other.ready = True
            await until(balancer, both)
            watch.cancel()

    asyncio.run(asyncio.wait_for(run(), 60))
