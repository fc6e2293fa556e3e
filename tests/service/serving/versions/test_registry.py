"""Which version serves: what is there becomes what is wanted, and one bad version stops none."""

import asyncio
import shutil
import weakref
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from service.errors import FileError, RepositoryError, Unavailable, UnknownModel
from service.repository.routes import Routes, Target, read_routes
from service.serving.versions.registry import Registry
from service.serving.versions.version import State
from tests.service.builders import write_cascade
from tests.service.serving.fakes import Fakes, end, place, registry_of, soon, until

BROKEN = FileError("student/2: its logits are not finite")
Scenario = Callable[[Registry, Fakes], Coroutine[Any, Any, None]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with version 1 of `student` and of `teacher`."""
    place(tmp_path, "student")
    place(tmp_path, "teacher")
    return tmp_path


def run(root: Path, scenario: Scenario, fakes: Fakes | None = None) -> Fakes:
    """Runs a scenario against a registry that has reconciled once, and stops it."""
    fakes = fakes or Fakes()

    async def main() -> None:
        registry = registry_of(root, fakes)
        try:
            await registry.reconcile()
            await scenario(registry, fakes)
        finally:
            await end(registry, fakes)
        assert not [version for version in registry if version.loaded]

    asyncio.run(main())
    return fakes


def serves(registry: Registry, name: str = "student") -> int | None:
    """The version that answers by name."""
    version = registry.serving(name)
    return version.number if version else None


def states(registry: Registry, name: str = "student") -> dict[int, str]:
    """What each version of a model does."""
    return {version.number: version.state for version in registry if version.name == name}


def test_highest_good_version_serves_and_the_one_before_it_goes(root: Path) -> None:
    """Each is brought in once."""

    async def scenario(registry: Registry, _: Fakes) -> None:
        assert serves(registry) == 1
        place(root, "student", 2)
        await registry.reconcile()
        assert serves(registry) == 2
        await until(lambda: states(registry) == {1: State.ABSENT, 2: State.READY})
        await registry.reconcile()

    started = run(root, scenario).started
    assert sorted(started) == ["student@1", "student@2", "teacher@1"]
    assert started[-1] == "student@2"


class Panic(BaseException):
    """As a library in Rust raises: no Exception."""


@pytest.mark.parametrize("error", [BROKEN, RuntimeError("a defect"), MemoryError(), Panic("!")])
def test_version_that_cannot_run_stops_nothing(root: Path, error: BaseException) -> None:
    """At the start and later: the version before it serves, and the other models; it is listed."""
    place(root, "student", 2)

    async def scenario(registry: Registry, _: Fakes) -> None:
        assert (serves(registry), serves(registry, "teacher")) == (1, 1)
        assert states(registry) == {1: State.READY, 2: State.FAILED}
        why = registry.problem("student", 2)
        assert why
        assert not registry.able("student", 2)
        with pytest.raises(Unavailable, match=why[:20]):
            await registry.acquire(Target("student", 2), soon())
        assert (await registry.acquire(Target("student"), soon())).name == "student@1"

    fakes = Fakes()
    fakes.broken["student@2"] = error
    run(root, scenario, fakes)


def test_model_of_which_nothing_is_good_leaves_the_others(root: Path) -> None:
    """Who asks for it is told why."""

    async def scenario(registry: Registry, _: Fakes) -> None:
        assert serves(registry, "teacher") == 1
        with pytest.raises(Unavailable, match="not finite"):
            registry.find(Target("student"))

    fakes = Fakes()
    fakes.broken["student@1"] = BROKEN
    run(root, scenario, fakes)


def test_unreadable_manifest_stops_nothing(root: Path) -> None:
    """It is listed, and read again when it is another."""
    (place(root, "student", 2) / "manifest.json").write_text("{")

    async def scenario(registry: Registry, fakes: Fakes) -> None:
        assert serves(registry) == 1
        assert "not valid" in str(registry.problem("student", 2))
        place(root, "student", 2)
        await registry.reconcile()
        assert serves(registry) == 2
        assert registry.problem("student", 2) is None
        assert fakes.started.count("student@2") == 1

    run(root, scenario)


def test_failed_version_is_tried_again_when_its_files_change_and_not_before(root: Path) -> None:
    """So one that is copied file by file, its manifest first, serves once it is complete."""
    directory = place(root, "student", 2)

    async def scenario(registry: Registry, fakes: Fakes) -> None:
        assert serves(registry) == 1
        for _ in range(3):
            await registry.reconcile()
        assert fakes.started.count("student@2") == 1
        (directory / "model.onnx").write_bytes(b"half")
        await registry.reconcile()
        assert fakes.started.count("student@2") == 2
        assert serves(registry) == 1
        fakes.broken.clear()
        (directory / "model.onnx").write_bytes(b"all of it")
        await registry.reconcile()
        assert serves(registry) == 2
        assert registry.problem("student", 2) is None

    fakes = Fakes()
    fakes.broken["student@2"] = BROKEN
    run(root, scenario, fakes)


def test_files_that_change_while_a_version_loads_are_seen(root: Path) -> None:
    """What was written after the load had begun may be what makes it good."""
    directory = place(root, "student", 2)
    fakes = Fakes()
    fakes.broken["student@2"] = BROKEN

    async def scenario(registry: Registry, fakes: Fakes) -> None:
        (directory / "model.onnx").write_bytes(b"half")
        fakes.gate.clear()
        trying = asyncio.create_task(registry.reconcile())
        await until(lambda: fakes.started.count("student@2") == 2)
        (directory / "model.onnx").write_bytes(b"all of it")
        fakes.gate.set()
        await trying
        fakes.broken.clear()
        await registry.reconcile()
        assert serves(registry) == 2

    run(root, scenario, fakes)


def test_load_of_a_version_serves_no_other_first(root: Path) -> None:
    """Though a newer one lies beside it that nobody has looked at yet."""

    async def scenario(registry: Registry, fakes: Fakes) -> None:
        place(root, "student", 2)
        place(root, "student", 3)
        assert await registry.load("student", 2) == 2
        assert serves(registry) == 2
        await registry.reconcile()
        assert serves(registry) == 2
        assert "student@3" not in fakes.started
        assert await registry.load("student") == 3
        assert registry.held == {}

    run(root, scenario)


def test_load_of_a_bad_version_changes_nothing(root: Path) -> None:
    """What served and what was held stay; a load tries again what has failed."""
    place(root, "student", 2)
    fakes = Fakes()
    fakes.broken["student@2"] = BROKEN

    async def scenario(registry: Registry, fakes: Fakes) -> None:
        await registry.load("student", 1)
        with pytest.raises(RepositoryError, match="not finite"):
            await registry.load("student", 2)
        assert serves(registry) == 1
        assert registry.held == {"student": 1}
        with pytest.raises(UnknownModel):
            await registry.load("student", 3)
        with pytest.raises(UnknownModel):
            await registry.load("nobody")
        fakes.broken.clear()
        assert await registry.load("student", 2) == 2

    run(root, scenario, fakes)


def test_a_route_has_no_versions(root: Path) -> None:
    """Who would load one is told what it is."""
    write_cascade(root)

    async def scenario(registry: Registry, _: Fakes) -> None:
        await registry.follow(read_routes(root))
        with pytest.raises(UnknownModel, match="'auto' is a route and has no versions of its own"):
            await registry.load("auto")

    run(root, scenario)


def test_load_forgets_no_other_models_problem(root: Path) -> None:
    """A version of another model that has failed stays failed, and listed."""
    place(root, "student", 2)
    fakes = Fakes()
    fakes.broken["student@2"] = BROKEN

    async def scenario(registry: Registry, _: Fakes) -> None:
        await registry.load("teacher", 1)
        assert registry.problem("student", 2)
        assert not registry.able("student", 2)

    run(root, scenario, fakes)


def test_unloaded_model_answers_nobody_until_it_is_loaded(root: Path) -> None:
    """Not by number either, and no look at the repository brings it back."""

    async def scenario(registry: Registry, _: Fakes) -> None:
        await registry.unload("student")
        place(root, "student", 2)
        await registry.reconcile()
        for target in (Target("student"), Target("student", 1)):
            with pytest.raises(Unavailable, match="unloaded by an operator"):
                await registry.acquire(target, soon())
        await until(lambda: states(registry) == {1: State.ABSENT, 2: State.ABSENT})
        assert await registry.load("student") == 2

    run(root, scenario)


def test_memory_is_given_back_once_the_model_is_gone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The C library keeps what was freed until it is told; before that there is nothing."""
    left: list[object] = []
    models: list[weakref.ref[object]] = []
    monkeypatch.setattr(
        "service.serving.versions.loading.give_back", lambda: left.append(models[0]())
    )

    async def scenario(registry: Registry, fakes: Fakes) -> None:
        loaded = (await registry.acquire(Target("student"), soon())).model
        models.append(weakref.ref(loaded))
        fakes.models.clear()
        del loaded
        await registry.unload("student")
        await until(lambda: states(registry) == {1: State.ABSENT})

    run(root, scenario)
    assert left[0] is None


def test_what_leaves_the_repository_leaves_memory(root: Path) -> None:
    """A version and a model that are removed; while the repository itself is away all stay."""
    place(root, "student", 2)

    async def scenario(registry: Registry, _: Fakes) -> None:
        shutil.rmtree(root / "student" / "2")
        await registry.reconcile()
        assert serves(registry) == 1
        shutil.rmtree(root / "student")
        await registry.reconcile()
        with pytest.raises(UnknownModel):
            registry.find(Target("student"))
        away = root.with_name("away")
        root.rename(away)
        await registry.reconcile()
        away.rename(root)
        assert (await registry.acquire(Target("teacher"), soon())).name == "teacher@1"
        there = (State.READY, State.DRAINING)
        await until(lambda: {str(one) for one in registry if one.state in there} == {"teacher@1"})
        await registry.reconcile()
        assert {str(version) for version in registry} == {"teacher@1"}

    run(root, scenario)


def test_versions_that_a_cascade_names_stay_beside_those_that_serve(root: Path) -> None:
    """As long as the routes name them."""
    write_cascade(root)

    async def scenario(registry: Registry, fakes: Fakes) -> None:
        await registry.follow(read_routes(root))
        place(root, "student", 2)
        await registry.reconcile()
        assert serves(registry) == 2
        assert states(registry) == {1: State.READY, 2: State.READY}
        assert fakes.started.count("student@1") == 1
        await registry.follow(Routes())
        await until(lambda: states(registry) == {1: State.ABSENT, 2: State.READY})

    run(root, scenario)
