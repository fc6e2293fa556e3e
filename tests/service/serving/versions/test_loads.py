"""Loads are shared and bounded; what nobody asks for leaves memory and comes back."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from service.errors import DeadlineExceeded, Overloaded, Unavailable
from service.repository.routes import Target
from service.serving.versions import registry as registry_module
from service.serving.versions.registry import Registry
from service.serving.versions.version import State
from tests.service.serving.fakes import Fakes, end, place, registry_of, soon, turns, until
from tests.service.serving.versions.test_registry import BROKEN, states

Scenario = Callable[[Registry, Fakes], Coroutine[Any, Any, None]]
OLD = [Target("student", number) for number in range(1, 7)]
SERVES = Target("student")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with seven versions of `student`."""
    for number in range(1, 8):
        place(tmp_path, "student", number)
    return tmp_path


def run(root: Path, scenario: Scenario, **limits: Any) -> Fakes:
    """Runs a scenario against a registry that serves version 7, and stops it."""
    fakes = Fakes()

    async def main() -> None:
        registry = registry_of(root, fakes, **limits)
        try:
            await registry.reconcile()
            assert fakes.started == ["student@7"]
            fakes.started.clear()
            await scenario(registry, fakes)
        finally:
            await end(registry, fakes)

    asyncio.run(main())
    return fakes


def in_memory(registry: Registry) -> set[int]:
    """The versions that take memory, or soon will."""
    return {n for n, state in states(registry).items() if state in (State.READY, State.LOADING)}


def test_impatient_clients_cause_one_load_and_the_model_arrives(root: Path) -> None:
    """Four whose deadlines pass first, one that leaves; the next finds it there."""

    async def scenario(registry: Registry, fakes: Fakes) -> None:
        fakes.gate.clear()
        for _ in range(4):
            with pytest.raises(DeadlineExceeded):
                await registry.acquire(OLD[0], time.monotonic() + 0.01)
        leaving = asyncio.create_task(registry.acquire(OLD[0], soon()))
        waiting = [asyncio.create_task(registry.acquire(OLD[0], soon())) for _ in range(4)]
        await turns()
        leaving.cancel()
        fakes.gate.set()
        assert {(await one).name for one in waiting} == {"student@1"}
        assert (await registry.acquire(OLD[0], time.monotonic() + 0.01)).name == "student@1"

    assert run(root, scenario).started == ["student@1"]


def test_model_arrives_though_nobody_waits_any_more(root: Path) -> None:
    """A load that was begun is ended, or a model that takes longer than its clients never comes."""

    async def scenario(registry: Registry, fakes: Fakes) -> None:
        fakes.gate.clear()
        with pytest.raises(DeadlineExceeded):
            await registry.acquire(OLD[0], time.monotonic() + 0.01)
        fakes.gate.set()
        await until(lambda: states(registry)[1] is State.READY)

    assert run(root, scenario).started == ["student@1"]


def test_load_that_fails_fails_for_all_who_wait(root: Path) -> None:
    """Once."""

    async def scenario(registry: Registry, fakes: Fakes) -> None:
        fakes.broken["student@1"] = BROKEN
        fakes.gate.clear()
        waiting = [asyncio.create_task(registry.acquire(OLD[0], soon())) for _ in range(3)]
        await turns()
        fakes.gate.set()
        for one in waiting:
            with pytest.raises(Unavailable, match="not finite"):
                await one

    assert run(root, scenario).started == ["student@1"]


@pytest.mark.parametrize("most", [1, 2])
def test_so_many_load_at_the_same_time(root: Path, most: int) -> None:
    """The others wait their turn."""

    async def scenario(registry: Registry, fakes: Fakes) -> None:
        fakes.gate.clear()
        waiting = [asyncio.create_task(registry.acquire(old, soon())) for old in OLD[:4]]
        await until(lambda: fakes.running == most)
        await turns()
        assert len(fakes.started) == most
        fakes.gate.set()
        await asyncio.gather(*waiting)

    fakes = run(root, scenario, max_loads=most)
    assert fakes.most == most
    assert sorted(fakes.started) == [str(f"student@{n}") for n in range(1, 5)]


def test_so_many_are_in_memory_because_a_request_named_them(root: Path) -> None:
    """The one that was asked for longest ago makes room, and the one that serves stays."""

    async def scenario(registry: Registry, _: Fakes) -> None:
        for old in OLD:
            await registry.acquire(old, soon())
            assert len(in_memory(registry)) <= 3
            assert 7 in in_memory(registry)
        await registry.acquire(OLD[-2], soon())
        await registry.acquire(OLD[1], soon())
        await until(lambda: in_memory(registry) == {2, 5, 7})

    run(root, scenario, max_pinned=2)


def test_what_is_at_work_makes_no_room(root: Path) -> None:
    """Who comes too many is told to come again, and what was accepted is answered."""

    async def scenario(registry: Registry, _: Fakes) -> None:
        held = await registry.acquire(OLD[0], soon())
        with held.admission.admit(["a text"], soon()):
            with pytest.raises(Overloaded, match="in use"):
                await registry.acquire(OLD[1], soon())
            assert (await registry.acquire(OLD[0], soon())) is held
            assert (await registry.acquire(SERVES, soon())).name == "student@7"
        assert (await registry.acquire(OLD[1], soon())).name == "student@2"

    run(root, scenario, max_pinned=1)


def test_none_may_be_named_by_number_where_none_is_allowed(root: Path) -> None:
    """But the one that serves."""

    async def scenario(registry: Registry, _: Fakes) -> None:
        with pytest.raises(Overloaded):
            await registry.acquire(OLD[0], soon())
        assert (await registry.acquire(Target("student", 7), soon())).name == "student@7"

    assert run(root, scenario, max_pinned=0).started == []


def test_requests_that_wait_for_loads_are_bounded(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More are refused at once; those that do not have to wait are not."""
    monkeypatch.setattr(registry_module, "MAX_WAITERS", 3)

    async def scenario(registry: Registry, fakes: Fakes) -> None:
        fakes.gate.clear()
        waiting = [asyncio.create_task(registry.acquire(OLD[0], soon())) for _ in range(3)]
        await turns()
        with pytest.raises(Overloaded, match="3 requests wait"):
            await registry.acquire(OLD[0], soon())
        assert (await registry.acquire(SERVES, soon())).name == "student@7"
        waiting.pop().cancel()
        await turns()
        waiting.append(asyncio.create_task(registry.acquire(OLD[0], soon())))
        fakes.gate.set()
        assert {(await one).name for one in waiting} == {"student@1"}

    run(root, scenario)


def test_version_that_was_named_by_number_stays_over_a_look(root: Path) -> None:
    """It is not brought in again and again; a time after the last who asked it goes."""

    async def scenario(registry: Registry, _: Fakes) -> None:
        first = await registry.acquire(OLD[0], soon())
        await registry.reconcile()
        await registry.reconcile()
        assert (await registry.acquire(OLD[0], soon())) is first
        registry.sweep(None, 3600)
        assert states(registry)[1] is State.READY
        registry.sweep(None, 0)
        await until(lambda: states(registry)[1] is State.ABSENT)
        assert states(registry)[7] is State.READY

    assert run(root, scenario).started == ["student@1"]


def test_version_that_serves_again_is_no_longer_there_for_its_number(root: Path) -> None:
    """When it is replaced then, it goes as any other."""

    async def scenario(registry: Registry, _: Fakes) -> None:
        await registry.acquire(OLD[0], soon())
        await registry.load("student", 1)
        await registry.load("student")
        await until(lambda: in_memory(registry) == {7})

    run(root, scenario)


def test_asleep_is_able_and_the_request_that_comes_wakes_it(root: Path) -> None:
    """By name and by number, once for all who come."""

    async def scenario(registry: Registry, fakes: Fakes) -> None:
        registry.sweep(0, 0)
        await until(lambda: states(registry)[7] is State.ASLEEP)
        assert registry.able("student")
        assert registry.plan("student").last == SERVES
        assert registry.describe(SERVES).version == 7
        await registry.reconcile()
        assert fakes.started == []
        asking = [registry.acquire(t, soon()) for t in (SERVES, SERVES, Target("student", 7))]
        assert {one.name for one in await asyncio.gather(*asking)} == {"student@7"}

    assert run(root, scenario).started == ["student@7"]


def test_version_at_work_does_not_sleep(root: Path) -> None:
    """However long its request takes; and a version is not idle while it loads."""

    async def scenario(registry: Registry, _: Fakes) -> None:
        held = await registry.acquire(SERVES, soon())
        with held.admission.admit(["a text"], soon()):
            registry.sweep(0, 0)
            assert states(registry)[7] is State.READY
        registry.sweep(3600, 3600)
        assert states(registry)[7] is State.READY

    run(root, scenario)


def test_request_for_a_version_that_is_leaving_waits_and_brings_it_back(root: Path) -> None:
    """What it has accepted is answered by what accepted it."""

    async def scenario(registry: Registry, fakes: Fakes) -> None:
        old = await registry.acquire(OLD[0], soon())
        with old.admission.admit(["a text"], soon()):
            registry.sweep(None, 0)
            assert states(registry)[1] is State.READY
            await registry.unload("student")
            assert states(registry)[1] is State.DRAINING
            loading = asyncio.create_task(registry.load("student", 1))
            await until(lambda: registry.held == {"student": 1})
            asking = asyncio.create_task(registry.acquire(Target("student", 1), soon()))
            await turns()
            assert old.batcher.is_alive
            assert not asking.done()
        assert await loading == 1
        assert (await asking) is not old
        assert fakes.started == ["student@1"] * 2

    run(root, scenario)
