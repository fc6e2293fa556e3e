"""A repository that cannot be seen, or parts of it: what serves stays, and it is said."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from service.errors import Unavailable
from service.repository import held as held_module
from service.repository.held import UNLOADED, HeldFile
from service.repository.routes import Target
from service.serving.versions.version import State
from tests.service.builders import write_cascade
from tests.service.faults import denied, locked
from tests.service.serving.fakes import place, until
from tests.service.serving.versions.test_control import Process, run
from tests.service.serving.versions.test_registry import serves, states

Fault = Callable[[Path], AbstractContextManager[None]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with a cascade, the default, and a student that is held at version 1."""
    root = tmp_path / "models"
    for name, number in (("student", 1), ("student", 2), ("teacher", 1)):
        place(root, name, number)
    write_cascade(root)
    HeldFile(root, None).write({"student": 1})
    return root


@contextmanager
def moved(root: Path) -> Iterator[None]:
    """The directory is not there."""
    elsewhere = root.with_name("elsewhere")
    root.rename(elsewhere)
    yield
    elsewhere.rename(root)


@contextmanager
def unmounted(root: Path) -> Iterator[None]:
    """An empty directory is left, as of a volume that is no longer mounted."""
    with moved(root):
        root.mkdir()
        yield
        shutil.rmtree(root)


FAULTS = [
    pytest.param(denied, "Permission denied", id="denied"),
    pytest.param(moved, "No such file or directory", id="moved"),
    pytest.param(unmounted, "is empty, as if it were not mounted", id="unmounted"),
]


@pytest.mark.parametrize(("fault", "why"), FAULTS)
def test_all_stays_in_force_while_the_repository_cannot_be_seen(
    root: Path, fault: Fault, why: str
) -> None:
    """Models, routes and choices; once it can be seen again nothing is said any more."""

    async def scenario() -> None:
        async with Process(root) as one:
            before = one.registry.routes
            with fault(root):
                for _ in range(2):
                    await one.control.follow()
                assert (serves(one.registry), serves(one.registry, "teacher")) == (1, 1)
                assert states(one.registry) == {1: State.READY, 2: State.ABSENT}
                assert one.registry.routes == before
                assert [step.target for step in one.registry.plan(None).steps] == [
                    Target("student", 1),
                    Target("teacher", 1),
                ]
                assert one.registry.held == {"student": 1}
                (problem,) = [each for each in one.control.problems if "stays in force" in each]
                assert why in problem
            place(root, "student", 3)
            await one.control.follow()
            assert one.control.problems == []
            assert one.registry.versions["student"] == [1, 2, 3]
            assert one.registry.held == {"student": 1}

    run(scenario)


def test_a_model_can_be_unloaded_while_the_repository_is_away(root: Path) -> None:
    """And this alone: what is written where the volume should be does not stand for it."""

    async def scenario() -> None:
        async with Process(root) as one, Process(root) as two:
            with unmounted(root):
                await one.control.unload("teacher")
                await until(lambda: serves(two.registry, "teacher") is None)
                for process in (one, two):
                    await process.control.follow()
                    assert serves(process.registry, "teacher") is None
                    assert process.registry.held == {"student": 1, "teacher": UNLOADED}
                    assert serves(process.registry) == 1
                    assert process.registry.routes.cascade

    run(scenario)


def test_a_model_whose_folder_cannot_be_read_stays_as_it_was(root: Path) -> None:
    """Asleep or in memory; others come and go meanwhile."""

    async def scenario() -> None:
        async with Process(root) as one:
            with denied(root / "student"):
                place(root, "newcomer")
                shutil.rmtree(root / "teacher")
                await one.control.follow()
                assert one.registry.versions == {"newcomer": [1], "student": [1, 2]}
                assert serves(one.registry) == 1
                assert "the folder of student cannot be read: [Errno 13]" in str(
                    one.control.problems
                )
            await one.control.follow()
            assert "student cannot be read" not in str(one.control.problems)

    run(scenario)


def test_a_version_whose_folder_cannot_be_read_has_failed(root: Path) -> None:
    """The one before it serves, and the problem says why; with the permission it is served."""

    async def scenario() -> None:
        async with Process(root) as one:
            await one.control.load("student")
            place(root, "student", 3)
            with denied(root / "student" / "3"):
                await one.control.follow()
                assert serves(one.registry) == 2
                assert states(one.registry)[3] == State.FAILED
                problem = one.registry.problem("student", 3)
                assert problem is not None
                assert problem.startswith("student/3: manifest.json cannot be read: [Errno 13]")
                with pytest.raises(Unavailable, match="Permission denied"):
                    one.registry.find(Target("student", 3))
            await one.control.follow()
            assert serves(one.registry) == 3

    run(scenario)


def test_a_choice_that_cannot_be_written_for_a_lock_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing changes by it, nor where the lock is taken only while a version is loaded."""
    monkeypatch.setattr(held_module, "LOCK_SECONDS", 0.05)

    async def scenario() -> None:
        async with Process(root) as one:
            with locked(root):
                for choice in (one.control.load("student", 2), one.control.unload("teacher")):
                    with pytest.raises(Unavailable, match="locked by another process"):
                        await choice
                assert one.fakes.started == ["student@1", "teacher@1"]
                monkeypatch.setattr(HeldFile, "wait_free", lambda _: None)
                with pytest.raises(Unavailable, match="locked by another process"):
                    await one.control.load("student", 2)
                assert serves(one.registry) == 1
                assert one.registry.held == HeldFile(root, None).read() == {"student": 1}
                await one.control.follow()
            await one.control.load("student", 2)
            assert serves(one.registry) == 2

    run(scenario)
