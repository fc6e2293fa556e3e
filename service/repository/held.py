"""`held.toml`: what an operator chose by hand, so that a choice outlives the process.

It lies in the repository, where every replica sees it. Knows which model is held at which
version, not what is loaded.
"""

import contextlib
import fcntl
import json
import os
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from service.errors import RepositoryError, Unavailable
from service.repository.files import file_stamp
from service.repository.small_files import read_text

FILE_NAME = "held.toml"
UNLOADED = 0  # in place of a version: the model was taken out of service
_UNLOADED = "unloaded"  # the same in the file

LOCK_SECONDS = 2.0  # that another process may take to write its choice
LOCK_LOOK_SECONDS = 0.05

Held = dict[str, int]  # model -> version, or UNLOADED


class HeldFile:
    """The choices by hand: in the repository or, where that cannot be written, beside it.

    What was written beside it counts for more than what the repository says, until a choice
    can be written into the repository again.

    Args:
        root: the repository.
        fallback: a folder that the workers of one service share; None: what cannot be written
            stays with this process.
    """

    def __init__(self, root: Path, fallback: Path | None) -> None:
        self._file = root / FILE_NAME
        self._beside = fallback / FILE_NAME if fallback else None
        self._own: str | None = None  # what could be written nowhere

    def read(self) -> Held:
        """The choices that are in force; without a file there are none.

        Raises:
            RepositoryError: the file is not TOML, or holds something else than choices.
        """
        if self._own is not None:
            return parse_held(self._own)
        for path in filter(None, (self._beside, self._file)):
            try:
                text = read_text(path)
            except FileNotFoundError:
                continue
            except (OSError, UnicodeDecodeError) as error:
                raise RepositoryError(f"{FILE_NAME} cannot be read: {error}") from error
            return parse_held(text)
        return {}

    def change(self, name: str, version: int | None, known: Mapping[str, int]) -> bool:
        """Writes one choice beside those of others, who may be writing theirs.

        Args:
            version: None: the model is held no more.
            known: what is written beside it where the file is missing, or cannot be read.

        Returns:
            As `write`.

        Raises:
            Unavailable: another process keeps the repository locked.
        """
        with _locked(self._file.parent):
            try:
                held = self.read() if self.is_there else dict(known)
            except RepositoryError:
                held = dict(known)
            held.pop(name, None)
            if version is not None:
                held[name] = version
            return self.write(held)

    def wait_free(self) -> None:
        """Waits until nobody else is writing choices.

        Raises:
            Unavailable: as `change`.
        """
        with _locked(self._file.parent):
            pass

    def write(self, held: Mapping[str, int]) -> bool:
        """Writes all choices, whole or not at all.

        Returns:
            Whether they are in the repository: if not, they end with the service.
        """
        text = "".join(
            f"{json.dumps(name)} = {version if version != UNLOADED else json.dumps(_UNLOADED)}\n"
            for name, version in sorted(held.items())
        )
        if self._keep(text):
            self._own = None
            if self._beside is not None:
                with contextlib.suppress(OSError):
                    self._beside.unlink(missing_ok=True)
            return True
        written = self._beside is not None and replaced(self._beside, text)
        self._own = None if written else text
        return False

    def _keep(self, text: str) -> bool:
        """Whether the choices could be written into the repository."""
        return replaced(self._file, text)

    @property
    def is_kept(self) -> bool:
        """Whether the choices in force are in the repository: if not, they end with the service."""
        return self._own is None and not (self._beside is not None and self._beside.exists())

    @property
    def is_there(self) -> bool:
        """Whether choices are written anywhere, if only that there are none."""
        return any(part is not None for part in self.stamp())

    def stamp(self) -> tuple[object, ...]:
        """Differs when the choices may: cheap enough to be looked at again and again."""
        files = filter(None, (self._beside, self._file))
        return (self._own, *(file_stamp(path) for path in files))


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keeps the other processes that serve a folder out, where it can be locked.

    Raises:
        Unavailable: one of them has had it for too long.
    """
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            held.callback(os.close, descriptor)
            _lock(descriptor, folder)
        yield


def _lock(descriptor: int, folder: Path) -> None:
    give_up = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up:
                raise Unavailable(
                    f"{folder} has been locked by another process for {LOCK_SECONDS:g} s, and the "
                    "choice cannot be written: see `lslocks` on the machines that serve it",
                    retry_after=LOCK_SECONDS,
                ) from None
            time.sleep(LOCK_LOOK_SECONDS)
        else:
            return


def parse_held(text: str) -> Held:
    """Reads the file's content.

    Raises:
        RepositoryError: it is not TOML, or holds something else than choices.
    """
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number or a nesting beyond Python's
        raise RepositoryError(f"{FILE_NAME} is not TOML: {error}") from error
    held = {}
    for name, value in values.items():
        if value == _UNLOADED:
            held[name] = UNLOADED
        elif type(value) is int and value > 0:
            held[name] = value
        else:
            raise RepositoryError(
                f"{FILE_NAME}: {name} is {value!r}: give it a version, or {_UNLOADED!r}"
            )
    return held


def replaced(path: Path, text: str) -> bool:
    """Whether a file could be written; one that could not is left as it was."""
    partial: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            partial = Path(file.name)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(0o644)  # replicas may run as other users
        partial.replace(path)
    except OSError:
        if partial is not None:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
        return False
    return True
