"""Who follows a store, when, and what is known of it; what is held there."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.errors import RepositoryError
from service.repository.remote.following import Follower
from service.repository.remote.holding import StoredHeldFile
from service.repository.remote.mirror import Mirror
from service.repository.remote.uses import Uses
from tests.service.builders import publish_tiny
from tests.service.process.serving import eventually
from tests.service.repository.remote.stores import FaultyStore, away, synced, target, versions


@pytest.fixture
def store(tmp_path: Path) -> FaultyStore:
    """A store with one version."""
    publish_tiny(tmp_path / "models", "student")
    found = FaultyStore()
    found.put(tmp_path / "models")
    return found


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    """An empty mirror."""
    return Mirror(tmp_path / "mirror")


@pytest.fixture
def followers(store: FaultyStore, mirror: Mirror) -> Iterator[list[Follower]]:
    """Two processes' followers of one mirror, started."""
    made = [
        Follower(
            store.url, Mirror(mirror.folder), lambda: store, poll_seconds=0.05, most_bytes=1 << 30
        )
        for _ in range(2)
    ]
    for one in made:
        one.start()
    yield made
    for one in made:
        one.stop()
        assert not one.is_alive


def test_several_share_one_mirror(
    store: FaultyStore, mirror: Mirror, followers: list[Follower], tmp_path: Path
) -> None:
    """Each file is fetched once, and all know how the store is."""
    eventually(lambda: all(one.status().up for one in followers))
    assert store.asked["student/1/model.onnx"] == 1
    publish_tiny(tmp_path / "models", "student", 2)
    store.put(tmp_path / "models")
    eventually(lambda: versions(mirror) == {"student@1", "student@2"})
    assert store.asked["student/2/model.onnx"] == 1


def test_a_store_that_is_away_is_told_once(
    store: FaultyStore,
    mirror: Mirror,
    followers: list[Follower],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With what is here in place; and that it is back."""
    caplog.set_level(logging.INFO)
    eventually(lambda: followers[1].status().up)
    store.fails = away
    eventually(lambda: mirror.state().failures >= 2)
    assert not followers[0].status().up
    assert followers[0].status().problem == "memory://models: no answer for list"
    with pytest.raises(RepositoryError, match="no answer for list"):
        followers[0].sync()
    assert versions(mirror) == {"student@1"}
    store.fails = lambda _: None
    eventually(lambda: followers[1].status().up)
    said = [record.getMessage() for record in caplog.records if "store" in record.getMessage()]
    assert said == [
        "the store of models is away: what is here stays",
        "the store of models is back",
    ]


def test_processes_tell_what_they_use(mirror: Mirror) -> None:
    """Until they end."""
    mirror.make()
    one, other = Uses(mirror), Uses(mirror)
    one.tell({target("student@1")})
    other.tell({target("student@2"), target("teacher@1")})
    other.tell({target("student@2")})
    assert one.all() == other.all() == {target("student@1"), target("student@2")}
    other.end()
    assert one.all() == {target("student@1")}
    one.end()


def test_what_a_killed_process_used_is_forgotten(mirror: Mirror) -> None:
    """Its file is held by nobody, and old enough not to be one that is about to be."""
    mirror.make()
    left = mirror.folder / "uses" / "1-left.use"
    left.write_text("student/1")
    assert Uses(mirror).all() == {target("student@1")}
    os.utime(left, (0, 0))
    assert Uses(mirror).all() == set()
    assert not left.exists()


def test_what_is_held_is_held_in_the_store(store: FaultyStore, mirror: Mirror) -> None:
    """Beside what others wrote there; where it cannot be written it ends with the service."""
    synced(store, mirror)
    held = StoredHeldFile(mirror, lambda: store, None)
    store.put_text("held.toml", "teacher = 4\n")
    assert held.change("student", 1, {})
    assert store.read("held.toml", 99) == b'"student" = 1\n"teacher" = 4\n'
    assert held.is_kept
    synced(store, mirror)
    assert held.read() == {"student": 1, "teacher": 4}
    store.fails = lambda name: away(name) if name.startswith("write") else None
    assert not held.change("student", 2, {})
    assert not held.is_kept
    assert held.read() == {"student": 2, "teacher": 4}
    assert store.read("held.toml", 99) == b'"student" = 1\n"teacher" = 4\n'
    store.fails = away
    assert not held.change("student", 3, {})
    assert held.read()["student"] == 3
