"""A store's versions on this disk: a plain repository that others read, and what is known of it.

```
<cache>/<url>/
    repository/            there once everything that is wanted has been fetched
        student/3          a link to ../.versions/student-3-..., so that it comes and goes at once
        routes.toml  held.toml
    state.json             what was fetched, what could not be, whether the store is away
    lock  lock.small       of who fetches, and of who writes the files beside the versions
    uses/                  which versions each process has in memory
```
Fetches nothing. Whoever changes it holds `fetching()`.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from pydantic import BaseModel, ConfigDict, ValidationError

from service.errors import RepositoryError
from service.repository.held import replaced
from service.repository.remote.layout import place_of, target_in
from service.repository.routes import Target

VERSIONS = ".versions"
STATE = "state.json"
LEFT_SECONDS = 60  # so old is a file of uses that nobody holds, unless it is about to be held


class Kept(BaseModel):
    """A version that was fetched.

    Attributes:
        folder: that its link leads to.
        tags: of its files in the store, by name.
        sizes: of its files, by name.
    """

    model_config = ConfigDict(frozen=True)

    folder: str
    tags: dict[str, str]
    sizes: dict[str, int]

    @property
    def bytes(self) -> int:
        """What it takes of the disk."""
        return sum(self.sizes.values())


class Refused(BaseModel):
    """A version that could not be fetched as it lies in the store.

    Attributes:
        tags: of its files then; others are worth another try at once.
        times: that it was tried.
        again_at: when it is tried again all the same, in seconds of the clock.
    """

    model_config = ConfigDict(frozen=True)

    why: str
    tags: dict[str, str]
    times: int
    again_at: float


class State(BaseModel):
    """What is known of the store, by all who share its mirror; versions as `name/number`.

    Attributes:
        left_out: versions for which there is no room.
        beside: tags of the files that are no version's, as last read.
        problems: of those files.
        tried_at, synced_at, away_since: in seconds of the clock.
        failures: in a row.
        problem: why the store is away.
    """

    kept: dict[str, Kept] = {}
    refused: dict[str, Refused] = {}
    left_out: dict[str, str] = {}
    beside: dict[str, str] = {}
    problems: dict[str, str] = {}
    tried_at: float = 0.0
    synced_at: float | None = None
    away_since: float | None = None
    failures: int = 0
    problem: str | None = None


class Mirror:
    """The mirror of one store.

    Args:
        folder: its own; made where it is not there.

    Attributes:
        root: the repository; not there before everything that is wanted has been fetched.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "repository"

    def make(self) -> None:
        """Makes the folder.

        Raises:
            RepositoryError: it cannot be written.
        """
        try:
            (self.folder / "uses").mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            raise RepositoryError(
                f"models cannot be kept in {self.folder}: {error.strerror or error}: name a folder "
                "that can be written with STILLHOUSE_MODELS_CACHE"
            ) from error

    @property
    def is_complete(self) -> bool:
        """Whether everything that is wanted has been fetched once."""
        return self.root.is_dir()

    @property
    def at(self) -> Path:
        """Where the repository is now: out of sight until it is complete."""
        return self.root if self.is_complete else self.folder / "repository.begun"

    def show(self) -> None:
        """Has the repository seen."""
        if not self.is_complete:
            self.at.mkdir(parents=True, exist_ok=True)
            self.at.rename(self.root)

    def state(self) -> State:
        """As last written; what cannot be read is as if nothing had been fetched."""
        try:
            return State.model_validate_json((self.folder / STATE).read_bytes())
        except (OSError, ValidationError):
            return State()

    def write(self, state: State) -> None:
        """Writes the state, whole or not at all; on a full disk what was there stays."""
        replaced(self.folder / STATE, state.model_dump_json())

    @contextlib.contextmanager
    def fetching(self) -> Iterator[bool]:
        """Whether this process is the one that fetches; if so, it is for as long as this lasts."""
        with _locked(self.folder / "lock", fcntl.LOCK_EX | fcntl.LOCK_NB) as held:
            yield held

    @contextlib.contextmanager
    def writing_beside(self) -> Iterator[None]:
        """Keeps others from writing the files that are no version's."""
        with _locked(self.folder / "lock.small", fcntl.LOCK_EX):
            yield

    def tidy(self, kept: Mapping[str, Kept]) -> None:
        """Takes away all but the versions that are kept: what a killed process had begun, say."""
        for link in self.at.glob("*/*"):
            if link.is_symlink() and f"{link.parent.name}/{link.name}" not in kept:
                link.unlink(missing_ok=True)
        folders = {one.folder for one in kept.values()}
        for left in (self.at / VERSIONS).glob("*"):
            if left.name not in folders:
                shutil.rmtree(left, ignore_errors=True)

    @contextlib.contextmanager
    def begin(self, target: Target) -> Iterator[Path]:
        """A folder out of sight for the files of a version, gone afterwards."""
        versions = self.at / VERSIONS
        versions.mkdir(parents=True, exist_ok=True)
        begun = Path(tempfile.mkdtemp(prefix=".begun-", dir=versions))
        try:
            directory = begun / place_of(target)
            directory.mkdir(parents=True)
            yield directory
        finally:
            shutil.rmtree(begun, ignore_errors=True)

    def place(self, target: Target, begun: Path) -> str:
        """Has a version seen in place of what is there of it; returns its folder's name."""
        folder = f"{target.name}-{target.version}-{os.urandom(4).hex()}"
        begun.rename(self.at / VERSIONS / folder)
        link = self.at / place_of(target)
        link.parent.mkdir(exist_ok=True)
        fresh = link.with_name(f".{link.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(Path("..", VERSIONS, folder), target_is_directory=True)
        fresh.replace(link)
        return folder

    def drop(self, place: str, kept: Kept) -> None:
        """Takes a version away, at once for whoever reads the repository."""
        link = self.at / place
        with contextlib.suppress(OSError):
            link.unlink(missing_ok=True)
            link.parent.rmdir()
        self.drop_folder(kept)

    def drop_folder(self, kept: Kept) -> None:
        """Takes the files of a version away that nothing leads to any more."""
        shutil.rmtree(self.at / VERSIONS / kept.folder, ignore_errors=True)

    def is_whole(self, place: str, kept: Kept) -> bool:
        """Whether the files of a version lie there, as far as their sizes tell."""
        link = self.at / place
        try:
            return link.readlink().name == kept.folder and all(
                (link / name).stat().st_size == size for name, size in kept.sizes.items()
            )
        except OSError:
            return False

    def put_beside(self, name: str, content: bytes | None) -> None:
        """Writes a file that is no version's, or takes it away."""
        path = self.at / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.unlink(missing_ok=True)
        elif not replaced(path, content.decode()):
            raise RepositoryError(f"{path} cannot be written")

    # Who has which versions in memory

    def used_by_others(self, own: Path | None) -> set[Target]:
        """The versions that the other processes of this mirror have, or want, in memory."""
        found: set[Target] = set()
        for path in (self.folder / "uses").glob("*.use"):
            if path == own:
                continue
            with contextlib.suppress(OSError, ValueError), path.open() as file:
                if _is_left(file) and time.time() - path.stat().st_mtime > LEFT_SECONDS:
                    path.unlink(missing_ok=True)
                else:
                    found |= {target_in(line) for line in file.read().split()}
        return found


def _is_left(file: TextIO) -> bool:
    """Whether no process holds a file any more."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _locked(path: Path, how: int) -> Iterator[bool]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, how)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
