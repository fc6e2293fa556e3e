"""The files of a version: are they there, and are they those that were published?

Links are followed where they end inside the repository, as those of a hub's cache and of a
mounted ConfigMap do. Files that the manifest does not name are never read.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from service.errors import FileError
from service.repository.manifest import FILE_NAME, Manifest

Stamp = tuple[tuple[str, int, int], ...]  # (relative path, bytes, mtime in ns), by path


def verify_files(directory: Path, manifest: Manifest, root: Path) -> None:
    """Checks that every file is there and is the one that was published.

    Args:
        root: of the repository; no link may lead out of it.

    Raises:
        FileError: the first file that is missing, differs or leads out, by name.
    """
    place = f"{manifest.name}/{manifest.version}"
    allowed = _allowed(root)
    for name in (FILE_NAME, *manifest.files):
        try:
            path = (directory / name).resolve(strict=True)
        except FileNotFoundError as error:
            raise FileError(f"{place}: {name} is missing") from error
        except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
            raise FileError(f"{place}: {name} cannot be read: {error}") from error
        if not any(path.is_relative_to(inside) for inside in allowed):
            raise FileError(f"{place}: {name} leads out of the repository")
        if not path.is_file():
            raise FileError(f"{place}: {name} is not a file")
        expected = manifest.files.get(name)
        if expected is None:
            continue
        size = path.stat().st_size
        if size != expected.bytes:
            raise FileError(f"{place}: {name} has {size} bytes, published were {expected.bytes}")
        try:
            found = file_sha256(path)
        except OSError as error:
            raise FileError(f"{place}: {name} cannot be read: {error}") from error
        if found != expected.sha256:
            raise FileError(f"{place}: {name} is not the file that was published (SHA-256 differs)")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_stamp(path: Path) -> object:
    """Differs when a file's content may; None: there is no file. Cheap, and never raises."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def stamp(directory: Path) -> Stamp:
    """What lies in a directory, links followed: differs when a file comes, goes or changes.

    Reads no file and never raises: what cannot be looked at is left out.
    """
    return tuple(sorted(_looked(directory, "", set())))


def _looked(place: Path, prefix: str, seen: set[tuple[int, int]]) -> Iterator[tuple[str, int, int]]:
    try:
        status = place.stat()
        entries = list(os.scandir(place))
    except OSError:
        return
    if (status.st_dev, status.st_ino) in seen:  # a link back up
        return
    seen.add((status.st_dev, status.st_ino))
    for entry in entries:
        name = f"{prefix}{entry.name}"
        try:
            if entry.is_dir():
                yield from _looked(Path(entry.path), f"{name}/", seen)
            else:
                found = entry.stat()
                yield name, found.st_size, found.st_mtime_ns
        except OSError:
            yield name, -1, 0


def _allowed(root: Path) -> tuple[Path, ...]:
    """Where files may lie: in the repository and, if that is a hub's snapshot, in its blobs."""
    root = root.resolve()
    if root.parent.name == "snapshots":
        return root, root.parent.parent / "blobs"
    return (root,)
