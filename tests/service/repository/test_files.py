"""A version's files: whole, linked as hubs and clusters link them, or refused by name."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from service.errors import FileError
from service.repository.files import stamp, verify_files
from service.repository.manifest import read_manifest
from service.runtime.tasks.classification import Classifier
from tests.service.builders import publish_tiny

FILES = ("manifest.json", "model.onnx", "tokenizer.json")


def check(directory: Path) -> None:
    """Verifies a version of a repository."""
    verify_files(directory, read_manifest(directory), directory.parent.parent)


def link_as_a_hub(root: Path) -> Path:
    """A version whose files are links into `blobs/`, as in a hub's cache."""
    directory = publish_tiny(root)
    (root / "blobs").mkdir()
    for number, name in enumerate(FILES):
        shutil.move(directory / name, root / "blobs" / str(number))
        (directory / name).symlink_to(f"../../blobs/{number}")
    return directory


def link_as_a_config_map(root: Path) -> Path:
    """A version as kubelet mounts one: `..data` leads to the files, and can be turned at once."""
    publish_tiny(root / "..2026_01_01")
    (root / "..data").symlink_to("..2026_01_01")
    (root / "tiny").symlink_to("..data/tiny")
    return root / "tiny" / "1"


def link_each_file(root: Path) -> Path:
    """A version as a ConfigMap's `subPath`-less items: every file a link through `..data`."""
    publish_tiny(root / "..2026_01_01")
    (root / "..data").symlink_to("..2026_01_01")
    directory = root / "tiny" / "1"
    directory.mkdir(parents=True)
    for name in FILES:
        (directory / name).symlink_to(f"../../..data/tiny/1/{name}")
    return directory


@pytest.mark.parametrize("link", [link_as_a_hub, link_as_a_config_map, link_each_file])
def test_links_within_the_repository_are_followed(
    tmp_path: Path, link: Callable[[Path], Path]
) -> None:
    """What lies elsewhere in the repository is verified there, and served."""
    directory = link(tmp_path / "models")
    check(directory)
    assert Classifier.load(directory).manifest.name == "tiny"


def test_a_hubs_snapshot_is_a_repository(tmp_path: Path) -> None:
    """Its files lie in `blobs/` beside `snapshots/`, which belongs to it."""
    snapshot = tmp_path / "models--a--b" / "snapshots" / "0123"
    directory = publish_tiny(snapshot)
    (tmp_path / "models--a--b" / "blobs").mkdir()
    for number, name in enumerate(FILES):
        blob = tmp_path / "models--a--b" / "blobs" / str(number)
        shutil.move(directory / name, blob)
        (directory / name).symlink_to(os.path.relpath(blob, directory))
    check(directory)
    assert Classifier.load(directory).manifest.name == "tiny"


@pytest.mark.parametrize("name", FILES)
def test_a_link_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    """Even to the very file that was published."""
    directory = publish_tiny(tmp_path / "models")
    shutil.move(directory / name, tmp_path / name)
    (directory / name).symlink_to(tmp_path / name)
    with pytest.raises(FileError, match=f"tiny/1: {name} leads out of the repository"):
        check(directory)


def test_a_directory_that_leads_out_is_refused(tmp_path: Path) -> None:
    """A link above the file counts as one of the file."""
    publish_tiny(tmp_path / "elsewhere")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "tiny").symlink_to(tmp_path / "elsewhere" / "tiny")
    with pytest.raises(FileError, match="leads out of the repository"):
        check(tmp_path / "models" / "tiny" / "1")


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (Path.unlink, "is missing"),
        (_flip, r"is not the file that was published \(SHA-256 differs\)"),
        (lambda path: path.write_text("{}"), "has 2 bytes, published were"),
        (_loop, "cannot be read"),
        (_folder, "is not a file"),
    ],
)
def test_a_damaged_file_is_named(
    tmp_path: Path, damage: Callable[[Path], object], says: str
) -> None:
    """By the version and the file, with what is wrong."""
    directory = publish_tiny(tmp_path)
    damage(directory / "tokenizer.json")
    with pytest.raises(FileError, match=f"tiny/1: tokenizer.json {says}"):
        check(directory)


def test_a_file_that_may_not_be_read_is_named() -> None:
    """By the service's user, who is seldom root."""
    script = (
        "import os, sys, pathlib\n"
        "from service.errors import RepositoryError\n"
        "from service.runtime.tasks.classification import Classifier\n"
        "if os.geteuid() == 0: os.setegid(65534); os.seteuid(65534)\n"
        "try: Classifier.load(pathlib.Path(sys.argv[1]))\n"
        "except RepositoryError as error: print(error)\n"
    )
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to others
        Path(folder).chmod(0o755)
        directory = publish_tiny(Path(folder))
        (directory / "model.onnx").chmod(0)
        done = subprocess.run(
            [sys.executable, "-c", script, str(directory)],
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout.startswith("tiny/1: model.onnx cannot be read: ")


def test_files_that_nobody_named_are_harmless(tmp_path: Path) -> None:
    """What a file manager or a copy leaves behind takes no model out of service."""
    directory = publish_tiny(tmp_path)
    (directory / ".DS_Store").write_bytes(b"\0")
    (directory / "notes").mkdir()
    (directory / "notes" / "gone").symlink_to("nowhere")
    check(directory)


def test_the_stamp_tells_when_files_change(tmp_path: Path) -> None:
    """A file that comes, grows or is touched; nothing changes it by itself."""
    directory = publish_tiny(tmp_path)
    seen = [stamp(directory)]
    assert stamp(directory) == seen[0]
    (directory / "sub").mkdir()
    (directory / "sub" / "weights.bin").write_bytes(b"a")
    seen.append(stamp(directory))
    (directory / "sub" / "weights.bin").write_bytes(b"ab")
    seen.append(stamp(directory))
    os.utime(directory / "model.onnx", (1, 1))
    seen.append(stamp(directory))
    (directory / "tokenizer.json").unlink()
    seen.append(stamp(directory))
    assert len(set(seen)) == len(seen)


def test_the_stamp_follows_links(tmp_path: Path) -> None:
    """A blob that arrives late changes it, and so does `..data` when it turns."""
    hub = link_as_a_hub(tmp_path / "hub")
    blob = tmp_path / "hub" / "blobs" / "1"
    content = blob.read_bytes()
    before = stamp(hub)
    blob.unlink()
    without = stamp(hub)
    blob.write_bytes(content)
    assert len({before, without, stamp(hub)}) == 3

    mounted = link_as_a_config_map(tmp_path / "map")
    before = stamp(mounted)
    publish_tiny(tmp_path / "map" / "..2026_01_02", max_length=8)
    (tmp_path / "map" / "..data").unlink()
    (tmp_path / "map" / "..data").symlink_to("..2026_01_02")
    assert stamp(mounted) != before


def test_the_stamp_never_raises(tmp_path: Path) -> None:
    """Of nothing, of a file, of a link to itself, and of one that leads back up it ends."""
    assert stamp(tmp_path / "nothing") == ()
    (tmp_path / "file").write_text("")
    assert stamp(tmp_path / "file") == ()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "up").symlink_to(".")
    assert {name for name, _, _ in stamp(tmp_path)} == {"file", "loop"}
