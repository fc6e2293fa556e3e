"""Versions, or a whole repository, copied into a store and out of it.

Files first, manifests after them, routes last of all: whoever reads meanwhile sees no version that
is not whole, and no routes before what they name. What is there already with the same content is
left; with another, nothing is copied.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import NamedTuple

from service.errors import FileError, RepositoryError, UnknownModel
from service.repository.files import verify_files
from service.repository.held import replaced
from service.repository.manifest import FILE_NAME as MANIFEST
from service.repository.manifest import read_manifest
from service.repository.remote.layout import Files, place_of, versions_in
from service.repository.remote.patient import Patient
from service.repository.remote.store import Entry, Store
from service.repository.remote.versions import fetch_files, fetch_manifest
from service.repository.routes import FILE_NAME as ROUTES
from service.repository.routes import Target, parse_routes, parse_target
from service.repository.sources import ModelRepository

CARD = "README.md"  # that no manifest names, and that goes along
PULLED = ".pulled-"
Say = Callable[[str], object]


class Order(NamedTuple):
    """What to copy.

    Attributes:
        models: as `name`, whose highest version is meant, or `name@version`; none: all there is,
            with its routes.
        routes: in place of others that are there: they may be replaced.
        no_routes: they are not copied.
    """

    models: Sequence[str] = ()
    replace_routes: bool = False
    no_routes: bool = False


class Copy:
    """Between a directory and a store.

    Args:
        say: told of each file.
    """

    def __init__(self, root: Path, store: Store, say: Say) -> None:
        self._root = root
        self._store = store
        self._patient = Patient(store, Event(), 0.5)
        self._say = say
        self._listing: dict[str, Entry] = {}
        self._there: dict[Target, dict[str, Entry]] = {}

    def push(self, order: Order) -> None:
        """Copies into the store.

        Raises:
            RepositoryError: something is there with other content, or a version here is not whole:
                nothing was copied; or the store is away.
            UnknownModel: there is no such version.
        """
        repository = ModelRepository(self._root)
        repository.check()
        self._look()
        targets = _chosen(repository.versions(), order.models, str(self._root))
        for target in targets:  # all of them before anything is copied
            folder = self._root / place_of(target)
            verify_files(folder, read_manifest(folder), self._root)
            self._refuse_other(target, (folder / MANIFEST).read_bytes())
        routes = self._root / ROUTES
        text = routes.read_bytes() if routes.is_file() and _with_routes(order) else None
        if text is not None:
            parse_routes(text.decode())
            self._refuse_other_routes(text, self._remote_routes(), order)
        for number, target in enumerate(targets, 1):
            self._push_version(target, f"[{number}/{len(targets)}] ")
        if text is not None and text != self._remote_routes():
            self._store.write_text(ROUTES, text)
            self._say(ROUTES)

    def pull(self, order: Order) -> None:
        """Copies out of the store.

        Raises:
            RepositoryError, UnknownModel: as `push`.
        """
        self._look()
        there: dict[str, list[int]] = {}
        for target in self._there:
            there.setdefault(target.name, []).append(target.version or 0)
        targets = _chosen(there, order.models, self._store.url)
        for target in targets:
            manifest = self._root / place_of(target) / MANIFEST
            if manifest.is_file():
                self._refuse_other(target, manifest.read_bytes())
        text = self._remote_routes() if _with_routes(order) else None
        routes = self._root / ROUTES
        before = routes.read_bytes() if routes.is_file() else None
        if text is not None:
            parse_routes(text.decode())
            self._refuse_other_routes(text, before, order)
        for number, target in enumerate(targets, 1):
            self._pull_version(target, f"[{number}/{len(targets)}] ")
        if text is not None and text != before:
            if not replaced(routes, text.decode()):
                raise RepositoryError(f"{routes} cannot be written")
            self._say(ROUTES)

    def _look(self) -> None:
        self._listing = self._patient.list()
        self._there = versions_in(self._listing)

    def _remote_routes(self) -> bytes | None:
        return self._patient.read(ROUTES) if ROUTES in self._listing else None

    def _refuse_other(self, target: Target, manifest: bytes) -> None:
        """Raises RepositoryError where a version is at both ends, with other contents."""
        if target not in self._there:
            return
        if self._patient.read(f"{place_of(target)}/{MANIFEST}") != manifest:
            raise RepositoryError(
                f"{target.name}@{target.version} is at both ends, with other contents: a version "
                "that was published stays what it is, so publish the other under a new number"
            )

    def _refuse_other_routes(self, text: bytes, there: bytes | None, order: Order) -> None:
        if there is not None and there != text and not order.replace_routes:
            raise RepositoryError(
                f"there is another {ROUTES} where it would go: --replace-routes puts this one in "
                "its place, --no-routes leaves that one"
            )

    def _push_version(self, target: Target, count: str) -> None:
        place = place_of(target)
        folder = self._root / place
        manifest = read_manifest(folder)
        there: Files = self._there.get(target, {})
        files = {name: file.bytes for name, file in manifest.files.items()}
        missing = [name for name in files if name not in there or there[name].bytes != files[name]]
        if target in self._there and not missing:
            self._say(f"{count}{place}: is there")
            return
        extra = [CARD] if (folder / CARD).is_file() and CARD not in files else []
        for name in [*(missing if target in self._there else files), *extra]:
            self._say(f"{count}{place}/{name}, {_told((folder / name).stat().st_size)}")
            self._store.write(f"{place}/{name}", folder / name)
        if target not in self._there:
            try:
                content = (folder / MANIFEST).read_bytes()
                self._store.write_text(f"{place}/{MANIFEST}", content, new=True)
            except FileError as error:
                raise RepositoryError(
                    f"somebody else published {place} meanwhile: look at both, and publish this "
                    "one under a new number"
                ) from error

    def _pull_version(self, target: Target, count: str) -> None:
        place = place_of(target)
        if (self._root / place / MANIFEST).is_file():
            self._say(f"{count}{place}: is here")
            return
        files = self._there[target]
        home = self._root / target.name
        home.mkdir(parents=True, exist_ok=True)
        with _hidden(home) as hidden:
            folder = hidden / place
            folder.mkdir(parents=True)
            manifest = fetch_manifest(self._patient, place, files, folder)
            self._say(f"{count}{place}, {_told(sum(f.bytes for f in manifest.files.values()))}")
            fetch_files(self._patient, place, manifest, folder)
            if CARD in files and CARD not in manifest.files:
                (folder / CARD).write_bytes(self._patient.read(f"{place}/{CARD}"))
            try:
                folder.rename(self._root / place)
            except OSError as error:
                raise RepositoryError(
                    f"{self._root / place} exists, and is no version: take it away"
                ) from error


def _chosen(there: dict[str, list[int]], models: Sequence[str], where: str) -> list[Target]:
    """The versions that an order means.

    Raises:
        UnknownModel: there is none of that name.
    """
    if not models:
        return [Target(name, number) for name in sorted(there) for number in sorted(there[name])]
    found = []
    for model in models:
        name, version = parse_target(model)
        if name not in there:
            raise UnknownModel(f"no model {name!r} in {where}: there are {sorted(there)}")
        number = version or max(there[name])
        if number not in there[name]:
            raise UnknownModel(f"no version {number} of {name!r}: there are {sorted(there[name])}")
        found.append(Target(name, number))
    return found


def _with_routes(order: Order) -> bool:
    return not order.models and not order.no_routes


@contextlib.contextmanager
def _hidden(home: Path) -> Iterator[Path]:
    """A folder out of sight, gone afterwards; those of others that were killed go first."""
    for left in home.glob(f"{PULLED}*"):
        with contextlib.suppress(OSError), _held(left):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PULLED, dir=home))
    try:
        with _held(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # where nothing came of it
            home.rmdir()


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Holds the lock of a folder; raises OSError where another process does."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _told(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
