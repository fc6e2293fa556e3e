"""What an operator chose outlives the process, and is followed by all who serve the repository."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from service.errors import FileError, RepositoryError
from service.repository.held import UNLOADED, HeldFile
from service.serving.versions.control import Control
from service.serving.versions.registry import Registry
from service.serving.versions.version import State
from tests.service.builders import write_cascade
from tests.service.serving.fakes import Fakes, end, place, registry_of, until
from tests.service.serving.versions.test_registry import BROKEN, serves


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with two versions of `student` and one of `teacher`."""
    root = tmp_path / "models"
    for name, number in (("student", 1), ("student", 2), ("teacher", 1)):
        place(root, name, number)
    return root


class Process:
    """One that serves a repository."""

    def __init__(
        self,
        root: Path,
        held: HeldFile | None = None,
        watch_seconds: float = 0,
        shared: Path | None = None,
        broken: dict[str, BaseException] | None = None,
    ) -> None:
        self.fakes = Fakes()
        self.fakes.broken.update(broken or {})
        self.registry: Registry = registry_of(root, self.fakes)
        self.control = Control(
            self.registry,
            held or HeldFile(root, None),
            shared,
            watch_seconds=watch_seconds,
            idle_seconds=None,
        )
        self.seconds = 0

    async def __aenter__(self) -> "Process":
        await self.control.start(self._every_second)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.control.stop()
        await end(self.registry, self.fakes)

    async def _every_second(self) -> None:
        self.seconds += 1


def both_serve(registry: Registry) -> bool:
    """Whether the newest versions do."""
    return (serves(registry), serves(registry, "teacher")) == (2, 1)


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs a scenario, which must leave no task behind."""

    async def main() -> None:
        await scenario()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_held_version_that_cannot_serve_is_stood_in_for_and_told(root: Path) -> None:
    """Broken or gone: the highest good version serves, and the problem says so."""

    async def scenario() -> None:
        async with Process(root) as one:
            await one.control.load("student", 1)
        async with Process(root, broken={"student@1": FileError("no model.onnx")}) as two:
            assert serves(two.registry) == 2
            assert two.control.problems == [
                "student is held at version 1: no model.onnx; version 2 serves"
            ]
        shutil.rmtree(root / "student" / "1")
        async with Process(root) as three:
            assert serves(three.registry) == 2
            (problem,) = three.control.problems
            assert "it is not in the repository; version 2 serves" in problem
            await three.control.load("student")
            await three.control.follow()
            assert three.control.problems == []

    run(scenario)


def test_choice_outlives_a_restart(root: Path) -> None:
    """It is in the repository, and the next process serves what was chosen from its start."""

    async def scenario() -> None:
        async with Process(root) as one:
            assert serves(one.registry) == 2
            await one.control.load("student", 1)
            await one.control.unload("teacher")
            assert one.control.outlives
        async with Process(root) as two:
            assert (serves(two.registry), serves(two.registry, "teacher")) == (1, None)
            assert two.registry.held == {"student": 1, "teacher": UNLOADED}
            assert two.fakes.started == ["student@1"]
            await two.control.load("student")
            await two.control.load("teacher")
        async with Process(root) as three:
            assert (serves(three.registry), serves(three.registry, "teacher")) == (2, 1)

    run(scenario)


def test_others_follow(root: Path) -> None:
    """Every process over the same repository, a version too that it has not seen yet."""

    async def scenario() -> None:
        async with Process(root) as one, Process(root) as two:
            await one.control.load("student", 1)
            await until(lambda: serves(two.registry) == 1)
            place(root, "student", 3)
            place(root, "student", 4)
            await two.control.load("student", 3)
            await until(lambda: serves(one.registry) == 3)
            assert "student@4" not in one.fakes.started
            await one.control.unload("teacher")
            await until(lambda: serves(two.registry, "teacher") is None)

    run(scenario)


def test_others_try_again_what_failed(root: Path) -> None:
    """A load in one process is one in all, also where it changes nothing that is held."""

    async def scenario() -> None:
        broken: dict[str, BaseException] = {"student@2": BROKEN}
        async with Process(root, broken=broken) as one, Process(root, broken=broken) as two:
            assert (serves(one.registry), serves(two.registry)) == (1, 1)
            one.fakes.broken.clear()
            two.fakes.broken.clear()
            await one.control.load("student")
            assert serves(one.registry) == 2
            await until(lambda: serves(two.registry) == 2)

    run(scenario)


def test_who_is_asked_to_follow_has_the_other_workers_follow(root: Path, tmp_path: Path) -> None:
    """Versions and routes, also where none of them looks unasked."""
    shared = tmp_path / "shared"
    shared.mkdir()

    async def scenario() -> None:
        async with Process(root, shared=shared) as one, Process(root, shared=shared) as two:
            place(root, "student", 3)
            (root / "routes.toml").write_text('default = "teacher"\n')
            await one.control.follow_now()
            assert serves(one.registry) == 3
            await until(lambda: serves(two.registry) == 3)
            await until(lambda: two.registry.routes.default == "teacher")

    run(scenario)


def test_choices_of_several_processes_are_all_kept(root: Path) -> None:
    """One that is made before another process has seen the last, and one made while it loads."""

    async def scenario() -> None:
        async with Process(root) as one, Process(root) as two:
            await one.control.load("student", 1)
            await two.control.unload("teacher")
            assert HeldFile(root, None).read() == {"student": 1, "teacher": UNLOADED}
            two.fakes.gate.clear()
            loading = asyncio.create_task(two.control.load("teacher", 1))
            await until(lambda: two.fakes.started.count("teacher@1") == 2)
            await one.control.load("student", 2)
            two.fakes.gate.set()
            await loading
            assert HeldFile(root, None).read() == {"student": 2, "teacher": 1}
            for registry in (one.registry, two.registry):
                await until(partial(both_serve, registry))
                assert registry.held == {"student": 2, "teacher": 1}

    run(scenario)


def test_failed_load_is_no_choice(root: Path) -> None:
    """Nothing is written, and nobody follows."""

    async def scenario() -> None:
        async with Process(root) as one:
            one.fakes.broken["student@1"] = BROKEN
            with pytest.raises(RepositoryError):
                await one.control.load("student", 1)
            assert HeldFile(root, None).read() == one.registry.held == {}
            assert serves(one.registry) == 2

    run(scenario)


def test_where_the_repository_cannot_be_written_it_is_told(root: Path, tmp_path: Path) -> None:
    """The choice is in force, and ends with the process."""

    async def scenario() -> None:
        nowhere = HeldFile(tmp_path / "not-there", None)
        async with Process(root, nowhere) as one:
            await one.control.load("student", 1)
            assert one.control.outlives is False
            await one.control.follow()
            assert serves(one.registry) == 1
        async with Process(root) as two:
            assert serves(two.registry) == 2

    run(scenario)


def test_held_file_that_cannot_be_read_is_reported(root: Path) -> None:
    """What was held before stays in force; the next choice writes it anew."""

    async def scenario() -> None:
        async with Process(root) as one:
            await one.control.load("student", 1)
            (root / "held.toml").write_text("student = [")
            await until(lambda: one.control.problems)
            assert "held.toml is not TOML" in one.control.problems[0]
            assert serves(one.registry) == 1
            await one.control.unload("teacher")
            assert HeldFile(root, None).read() == {"student": 1, "teacher": UNLOADED}
            await one.control.follow()
            assert one.control.problems == []

    run(scenario)


def test_watching_follows_versions_and_routes(root: Path) -> None:
    """Without being asked; what a route names and nothing answers to is reported."""

    async def scenario() -> None:
        async with Process(root, watch_seconds=0.01) as one:
            place(root, "student", 3)
            place(root, "newcomer")
            (root / "routes.toml").write_text('default = "newcomer"\n')
            await until(lambda: serves(one.registry) == 3)
            await until(lambda: one.registry.routes.default == "newcomer")
            await until(lambda: serves(one.registry, "newcomer") == 1)
            await until(lambda: not one.control.problems)
            shutil.rmtree(root / "newcomer")
            await until(lambda: "nothing is called 'newcomer'" in str(one.control.problems))

    run(scenario)


def test_routes_that_come_back_are_in_force_again(root: Path) -> None:
    """The very file that was there before a bad one: nothing is said of the bad one any more."""

    async def scenario() -> None:
        (root / "routes.toml").write_text('default = "student"\n')
        async with Process(root) as one:
            (root / "routes.toml").rename(root / "kept")
            (root / "routes.toml").write_text('default = "nobody"\n')
            await one.control.follow()
            assert "nobody" in str(one.control.problems)
            (root / "kept").rename(root / "routes.toml")
            await one.control.follow()
            assert one.control.problems == []
            assert one.registry.routes.default == "student"

    run(scenario)


def test_work_that_fails_once_is_done_again(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An error in the background ends none of it."""

    async def scenario() -> None:
        one = Process(root)
        calls: list[int] = []

        async def fail() -> None:
            calls.append(len(calls))
            raise OSError("a disk that is full")

        await one.control.start(fail)
        await until(lambda: len(calls) == 2)
        await one.control.stop()
        await end(one.registry, one.fakes)

    run(scenario)
    assert "background work failed" in [record.message for record in caplog.records]


def test_fitted_version_that_changes_while_it_sleeps_is_not_trusted(root: Path) -> None:
    """It is seen before it is brought back: no request is answered by a pair never fitted."""
    write_cascade(root)

    async def scenario() -> None:
        async with Process(root) as one:
            assert [step.target.name for step in one.registry.plan("auto").steps] == [
                "student",
                "teacher",
            ]
            one.registry.sweep(0, 0)
            await until(lambda: all(version.state is State.ASLEEP for version in one.registry))
            place(root, "student", 1, temperature=3.0)
            await one.control.follow()
            plan = one.registry.plan("auto")
            assert plan.last.name == "teacher"
            assert plan.stale == "student@1 is not what it was fitted on: fit it again"

    run(scenario)
