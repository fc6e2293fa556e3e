"""`push` and `pull`: what goes, in which order, and what is refused before anything goes."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli import main
from service.errors import FileError, RepositoryError, StoreError, UnknownModel
from service.repository.copying.copy import Copy, Order
from service.repository.sources import ModelRepository
from tests.service.builders import edit_manifest, publish_tiny
from tests.service.repository.remote.stores import FaultyStore, away


@pytest.fixture
def store() -> FaultyStore:
    """An empty store."""
    return FaultyStore()


def push(root: Path, store: FaultyStore, *models: str, **options: bool) -> list[str]:
    """Pushes; gives what was written, in order."""
    before = len(store.asked)
    Copy(root, store, lambda _: None).push(Order(models, **options))
    return [name.removeprefix("write ") for name in store.asked if name.startswith("write")][
        len([n for n in list(store.asked)[:before] if n.startswith("write")]) :
    ]


def pull(store: FaultyStore, root: Path, *models: str, **options: bool) -> None:
    """Pulls."""
    Copy(root, store, lambda _: None).pull(Order(models, **options))


def test_files_then_manifests_then_routes(models: Path, store: FaultyStore, tmp_path: Path) -> None:
    """And the same again in the other direction; cards go along, what is held does not."""
    (models / "student" / "1" / "README.md").write_text("a card")
    (models / "held.toml").write_text("student = 1\n")
    written = push(models, store)
    assert written[3:5] == ["student/1/README.md", "student/1/manifest.json"] or written[2:4] == [
        *("student/1/README.md", "student/1/manifest.json")
    ]
    assert written[-2:] == ["teacher/1/manifest.json", "routes.toml"]
    assert "held.toml" not in written
    assert push(models, store) == []
    pull(store, tmp_path / "other")
    found = {path.relative_to(tmp_path / "other") for path in (tmp_path / "other").rglob("*")}
    assert found == {path.relative_to(models) for path in models.rglob("*")} - {Path("held.toml")}
    pull(store, tmp_path / "other")


def test_one_version_goes_alone(models: Path, store: FaultyStore, tmp_path: Path) -> None:
    """The highest of a name, or the one that is named; no routes with it."""
    publish_tiny(models, "student", 2)
    written = push(models, store, "student", "teacher@1")
    assert {name.rpartition("/")[0] for name in written} == {"student/2", "teacher/1"}
    pull(store, tmp_path / "other", "student@2")
    assert ModelRepository(tmp_path / "other").versions() == {"student": [2]}
    for wrong in ("nobody", "student@9"):
        with pytest.raises(UnknownModel, match="there are"):
            push(models, store, wrong)
        with pytest.raises(UnknownModel, match="there are"):
            pull(store, tmp_path / "other", wrong)


def test_other_contents_are_refused(models: Path, store: FaultyStore, tmp_path: Path) -> None:
    """Before anything is copied, in both directions; routes too, unless they may be replaced."""
    push(models, store)
    other = tmp_path / "other"
    shutil.copytree(models, other)
    publish_tiny(other, "another")
    edit_manifest(other / "student" / "1", licence="MIT")
    with pytest.raises(RepositoryError, match="student@1 is at both ends, with other contents"):
        push(other, store)
    with pytest.raises(RepositoryError, match="student@1 is at both ends, with other contents"):
        pull(store, other)
    assert store.asked["write another/1/model.onnx"] == 0
    shutil.copy(models / "student" / "1" / "manifest.json", other / "student" / "1")
    (other / "routes.toml").write_text('default = "teacher"\n')
    with pytest.raises(RepositoryError, match="--replace-routes"):
        push(other, store)
    with pytest.raises(RepositoryError, match="--replace-routes"):
        pull(store, other)
    assert store.asked["write another/1/model.onnx"] == 0
    push(other, store, no_routes=True)
    assert store.read("routes.toml", 99) == (models / "routes.toml").read_bytes()
    push(other, store, replace_routes=True)
    assert store.read("routes.toml", 99) == b'default = "teacher"\n'


def test_a_push_that_breaks_off_is_no_version(models: Path, store: FaultyStore) -> None:
    """And the next one makes it one."""
    store.fails = lambda name: away(name) if name == "write student/1/tokenizer.json" else None
    with pytest.raises(StoreError):
        push(models, store)
    assert "student/1/manifest.json" not in store.list()
    store.fails = lambda _: None
    push(models, store)
    store.remove("student/1/model.onnx")  # which somebody took away
    assert push(models, store) == []  # counted by name: it was written before
    assert "student/1/model.onnx" in store.list()


def test_a_version_that_is_not_whole_is_not_pushed(models: Path, store: FaultyStore) -> None:
    """Its files are compared with its manifest first."""
    (models / "teacher" / "1" / "model.onnx").write_bytes(b"x")
    with pytest.raises(FileError, match=r"model\.onnx has 1 bytes"):
        push(models, store)
    assert store.list() == {}


def test_who_is_first_stays(models: Path, store: FaultyStore) -> None:
    """Where two publish one number at once, the manifest of the first is not written over."""

    def meanwhile(name: str) -> None:
        if name == "write student/1/manifest.json":
            store.put_text("student/1/manifest.json", "theirs")

    store.fails = meanwhile
    with pytest.raises(RepositoryError, match="somebody else published student/1 meanwhile"):
        push(models, store)
    assert store.read("student/1/manifest.json", 99) == b"theirs"


def test_a_pull_of_wrong_bytes_leaves_nothing(
    models: Path, store: FaultyStore, tmp_path: Path
) -> None:
    """No version, and nothing hidden either."""
    push(models, store)
    store.spoils = lambda _, block: block[::-1]
    with pytest.raises(FileError, match="SHA-256 differs"):
        pull(store, tmp_path / "other", "student")
    assert not list((tmp_path / "other").rglob("*"))


def test_the_commands_say_what_is_wrong(models: Path, tmp_path: Path) -> None:
    """In one line, before anything is asked of anybody."""
    for arguments, told in (
        (["push", str(models), "bucket/x"], "is no URL"),
        (["push", str(models), "ftp://x/y"], "ftp:// is not read: name a directory"),
        (["pull", "hf://only-owner", str(tmp_path)], "should look like hf://owner/repo"),
        (["models", "list", "--models", "s3://a/b"], "stillhouse pull s3://a/b DIRECTORY"),
    ):
        found = CliRunner().invoke(main, arguments)
        assert found.exit_code, arguments
        assert told in found.output
