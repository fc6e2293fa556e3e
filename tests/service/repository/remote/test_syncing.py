"""What comes from a store into its mirror, what does not, and what stays."""

import json
import os
from pathlib import Path
from threading import Event

import pytest

from service.errors import StoreError
from service.repository.files import verify_files
from service.repository.manifest import read_manifest
from service.repository.remote.holding import StoredHeldFile
from service.repository.remote.mirror import Mirror
from service.repository.remote.patient import Stopped
from service.repository.routes import read_routes
from tests.service.builders import edit_manifest, publish_tiny
from tests.service.repository.remote.stores import (
    FaultyStore,
    away,
    bytes_of,
    synced,
    target,
    versions,
)


@pytest.fixture
def store(models: Path) -> FaultyStore:
    """A store with `teacher`, `student` and routes."""
    found = FaultyStore()
    found.put(models)
    return found


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    """An empty mirror."""
    return Mirror(tmp_path / "mirror")


def test_a_mirror_is_a_plain_repository(store: FaultyStore, mirror: Mirror) -> None:
    """All versions, whole, their routes, and nothing twice."""
    synced(store, mirror)
    assert versions(mirror) == {"student@1", "teacher@1"}
    assert read_routes(mirror.root).default == "student"
    for name in ("student", "teacher"):
        verify_files(mirror.root / name / "1", read_manifest(mirror.root / name / "1"), mirror.root)
    before = store.asked.copy()
    synced(store, mirror)
    assert store.asked - before == {"list": 1}


def test_nothing_is_seen_before_all_that_is_wanted_is_there(
    store: FaultyStore, mirror: Mirror
) -> None:
    """Of a first pass that breaks off nothing is seen, and what it fetched is not fetched again."""
    store.fails = lambda name: away(name) if name == "teacher/1/model.onnx" else None
    with pytest.raises(StoreError, match=r"no answer for teacher/1/model\.onnx"):
        synced(store, mirror)
    assert not mirror.is_complete
    assert store.asked["teacher/1/model.onnx"] == 3
    store.fails = lambda _: None
    synced(store, mirror)
    assert versions(mirror) == {"student@1", "teacher@1"}
    assert store.asked["student/1/model.onnx"] == 1


def test_a_block_is_asked_for_again(store: FaultyStore, mirror: Mirror) -> None:
    """A connection that breaks once, or twice, is nothing to tell."""
    store.fails = lambda name: away(name) if store.asked[name] < 3 else None
    assert synced(store, mirror).refused == {}
    assert versions(mirror) == {"student@1", "teacher@1"}


def test_what_is_away_leaves_what_is_here(store: FaultyStore, mirror: Mirror) -> None:
    """Whatever is asked of it first."""
    synced(store, mirror)
    store.fails = away
    with pytest.raises(StoreError, match="no answer for list"):
        synced(store, mirror)
    assert versions(mirror) == {"student@1", "teacher@1"}


def test_a_store_that_has_lost_everything_is_not_believed(
    store: FaultyStore, mirror: Mirror
) -> None:
    """What serves stays; a store that never had anything is empty."""
    synced(store, mirror)
    for name in ("student", "teacher", "routes.toml"):
        store.remove(name)
    with pytest.raises(StoreError, match="lists no version any more"):
        synced(store, mirror)
    assert versions(mirror) == {"student@1", "teacher@1"}


def test_an_empty_store_is_one(tmp_path: Path) -> None:
    """It is complete, with nothing in it."""
    mirror = Mirror(tmp_path / "mirror")
    synced(FaultyStore(), mirror)
    assert mirror.is_complete
    assert versions(mirror) == set()


def test_wrong_bytes_are_refused(store: FaultyStore, mirror: Mirror, models: Path) -> None:
    """The version before serves, the refused one is tried again when it changes, not before."""
    publish_tiny(models, "student", 2)
    store.put(models)
    wrong = "student/2/model.onnx"
    store.spoils = lambda name, block: block[::-1] if name == wrong else block
    state = synced(store, mirror)
    assert state.refused["student/2"].why.endswith("published (SHA-256 differs)")
    assert versions(mirror) == {"student@1", "teacher@1"}
    synced(store, mirror)
    assert store.asked[wrong] == 1
    store.spoils = lambda _, block: block
    store.remove("student/2")
    store.put(models)  # the same, written anew
    assert synced(store, mirror).refused == {}
    assert versions(mirror) == {"student@1", "student@2", "teacher@1"}


def test_a_refused_version_is_tried_again_by_and_by(
    store: FaultyStore, mirror: Mirror, models: Path
) -> None:
    """Later each time, as long as it does not change."""
    publish_tiny(models, "student", 2)
    store.put(models)
    store.spoils = lambda name, block: block[::-1] if name == "student/2/model.onnx" else block
    waits = []
    for _ in range(3):
        state = synced(store, mirror)
        refused = state.refused["student/2"]
        waits.append(refused.again_at)
        state.refused["student/2"] = refused.model_copy(update={"again_at": 0.0})
        mirror.write(state)
    assert store.asked["student/2/model.onnx"] == 3
    assert waits[2] - waits[1] > 50 > 20 < waits[1] - waits[0]


def test_a_version_that_is_still_being_written_is_left_alone(
    store: FaultyStore, mirror: Mirror, models: Path
) -> None:
    """Without its manifest it is none; with it and not all files nothing of it is fetched."""
    directory = publish_tiny(models, "student", 2)
    store.put(models)
    store.remove("student/2/tokenizer.json")
    why = synced(store, mirror).refused["student/2"].why
    assert why == "student/2: tokenizer.json is not in the store, or not yet"
    assert store.asked["student/2/model.onnx"] == 0
    (directory / "model.onnx").write_bytes(b"short")
    store.put(models)
    why = synced(store, mirror).refused["student/2"].why
    assert why.startswith("student/2: model.onnx has 5 bytes in the store, published were ")
    store.remove("student/2/manifest.json")
    assert synced(store, mirror).refused == {}


@pytest.mark.parametrize("text", ["{", '{"schema_version": 9}', '{"files": {"../../x": {}}}'])
def test_a_manifest_of_no_use_is_refused(
    store: FaultyStore, mirror: Mirror, models: Path, text: str
) -> None:
    """Its files are not looked at, and the others are served."""
    (publish_tiny(models, "student", 2) / "manifest.json").write_text(text)
    store.put(models)
    assert "manifest.json" in synced(store, mirror).refused["student/2"].why or "9" in text
    assert versions(mirror) == {"student@1", "teacher@1"}


def test_what_is_gone_goes(store: FaultyStore, mirror: Mirror, models: Path) -> None:
    """A version, its model, and routes; what is left of their files too."""
    publish_tiny(models, "student", 2)
    store.put(models)
    synced(store, mirror)
    for name in ("student/2", "teacher", "routes.toml"):
        store.remove(name)
    synced(store, mirror)
    assert versions(mirror) == {"student@1"}
    assert sorted(path.name for path in mirror.root.iterdir()) == [".versions", "student"]
    assert len(list((mirror.root / ".versions").iterdir())) == 1


def test_a_version_that_was_replaced_is_replaced_at_once(
    store: FaultyStore, mirror: Mirror, models: Path
) -> None:
    """Whoever looks finds one or the other; the files of the one before are gone."""
    synced(store, mirror)
    before = (mirror.root / "student" / "1").resolve()
    edit_manifest(models / "student" / "1", licence="MIT")
    store.put(models)
    synced(store, mirror)
    assert read_manifest(mirror.root / "student" / "1").licence == "MIT"
    assert not before.exists()


def test_routes_of_no_use_leave_those_before(
    store: FaultyStore, mirror: Mirror, models: Path
) -> None:
    """They are told, and read once."""
    synced(store, mirror)
    (models / "routes.toml").write_text("default = ")
    store.put(models)
    problem = synced(store, mirror).problems["routes.toml"]
    assert problem.endswith("what was read before stays in force")
    assert read_routes(mirror.root).default == "student"
    read = store.asked["routes.toml"]
    synced(store, mirror)
    assert store.asked["routes.toml"] == read
    (models / "routes.toml").write_text('default = "teacher"')
    store.put(models)
    assert synced(store, mirror).problems == {}
    assert read_routes(mirror.root).default == "teacher"


def test_choices_by_hand_come_too(store: FaultyStore, mirror: Mirror, models: Path) -> None:
    """As routes do."""
    (models / "held.toml").write_text("student = 1\n")
    store.put(models)
    synced(store, mirror)
    assert (mirror.root / "held.toml").read_text() == "student = 1\n"


def test_what_was_chosen_since_the_listing_stays(
    store: FaultyStore, mirror: Mirror, models: Path
) -> None:
    """A pass may take long, and its listing is from its beginning."""
    synced(store, mirror)
    publish_tiny(models, "student", 2)
    store.put(models)

    def chosen(name: str) -> None:
        if name == "student/2/model.onnx":
            StoredHeldFile(mirror, lambda: store, None).change("student", 1, {})

    store.fails = chosen
    synced(store, mirror)
    assert (mirror.root / "held.toml").read_text() == '"student" = 1\n'
    store.fails = lambda _: None
    synced(store, mirror)
    assert (mirror.root / "held.toml").read_text() == '"student" = 1\n'
    store.remove("held.toml")
    synced(store, mirror)
    assert not (mirror.root / "held.toml").exists()


def test_the_bound_keeps_what_is_needed(store: FaultyStore, mirror: Mirror, models: Path) -> None:
    """Held, named by routes, highest of its model, in somebody's memory: the rest makes room."""
    for number in range(2, 6):
        publish_tiny(models, "student", number)
    (models / "held.toml").write_text("student = 3\n")
    (models / "routes.toml").write_text('default = "student"\naliases = {old = "student@2"}\n')
    store.put(models)
    one = bytes_of(models / "student" / "1") + 50  # a manifest may be a little longer
    state = synced(store, mirror, most_bytes=4 * one)
    assert versions(mirror) == {"student@2", "student@3", "student@5", "teacher@1"}
    assert set(state.left_out) == {"student/1", "student/4"}
    assert "raise STILLHOUSE_MODELS_CACHE_BYTES" in state.left_out["student/4"]
    publish_tiny(models, "student", 6)
    (models / "held.toml").unlink()
    store.remove("held.toml")
    store.put(models)
    assert set(synced(store, mirror, most_bytes=4 * one, used={target("student@3")}).left_out) == {
        *("student/1", "student/4", "student/6")
    }
    assert versions(mirror) == {"student@2", "student@3", "student@5", "teacher@1"}
    synced(store, mirror, most_bytes=4 * one)
    assert versions(mirror) == {"student@2", "student@6", "student@5", "teacher@1"}
    assert store.asked["student/4/model.onnx"] == 0


def test_what_was_damaged_by_hand_is_fetched_again(store: FaultyStore, mirror: Mirror) -> None:
    """A file that is gone, or of another size."""
    synced(store, mirror)
    (mirror.root / "student" / "1" / "model.onnx").write_bytes(b"")
    synced(store, mirror)
    verify_files(
        mirror.root / "student" / "1", read_manifest(mirror.root / "student" / "1"), mirror.root
    )
    assert store.asked["student/1/model.onnx"] == 2
    assert store.asked["teacher/1/model.onnx"] == 1


def test_a_stop_ends_a_pass(store: FaultyStore, mirror: Mirror) -> None:
    """Between two calls of the store, with nothing begun left behind."""
    stopping = Event()

    def stop(name: str) -> None:
        if name == "teacher/1/model.onnx":
            stopping.set()

    store.fails = stop
    with pytest.raises(Stopped):
        synced(store, mirror, stopping=stopping)
    assert not list(mirror.at.glob(".versions/.begun-*"))


def test_what_a_killed_process_had_begun_is_taken_away(store: FaultyStore, mirror: Mirror) -> None:
    """By the next pass."""
    synced(store, mirror)
    left = mirror.root / ".versions" / ".begun-x"
    left.mkdir()
    (mirror.root / "student" / "9").symlink_to("../.versions/nothing")
    synced(store, mirror)
    assert not left.exists()
    assert not (mirror.root / "student" / "9").is_symlink()


def test_keys_that_are_no_versions_are_not_read(
    store: FaultyStore, mirror: Mirror, models: Path
) -> None:
    """Whatever their owner named them."""
    manifest = (models / "student" / "1" / "manifest.json").read_text()
    for place in ("student/01", "student/latest", ".hidden/1", "a/b/1", "student/1/1"):
        folder = models / place
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").write_text(manifest)
    store.put(models)
    synced(store, mirror)
    assert versions(mirror) == {"student@1", "teacher@1"}
    assert not any("latest" in name or "hidden" in name for name in store.asked)


def test_the_state_is_read_again(store: FaultyStore, mirror: Mirror) -> None:
    """And one that cannot be read costs a fetch, no more."""
    synced(store, mirror)
    state = mirror.folder / "state.json"
    assert json.loads(state.read_text())["kept"].keys() == {"student/1", "teacher/1"}
    state.write_text("{")
    synced(store, mirror)
    assert versions(mirror) == {"student@1", "teacher@1"}
    assert len(os.listdir(mirror.root / ".versions")) == 2
