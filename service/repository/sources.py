"""The model repository on disk: which models and versions there are. Loads nothing."""

import os
import re
from pathlib import Path
from typing import NamedTuple

from service.errors import RepositoryError
from service.repository.held import FILE_NAME as HELD
from service.repository.manifest import FILE_NAME, NAME_PATTERN
from service.repository.remote.address import meant_url
from service.repository.routes import FILE_NAME as ROUTES


class Listing(NamedTuple):
    """What lies in a repository.

    Attributes:
        versions: complete ones by model name, ascending.
        unread: why the folder of a model cannot be read, by the model's name.
        is_bare: nothing lies there but what is hidden, and the choices of operators.
    """

    versions: dict[str, list[int]]
    unread: dict[str, str]
    is_bare: bool


class ModelRepository:
    """A directory of `<name>/<version>/`; read afresh at each call.

    Args:
        root: the directory; while it does not exist it holds no models.
        routes: the file of its routes, where that lies elsewhere.
        comes: the directory is made by whoever fetches the models.
    """

    def __init__(self, root: Path, routes: Path | None = None, *, comes: bool = False) -> None:
        self.root = root
        self.comes = comes
        self.routes_file = routes or root / ROUTES
        self._elsewhere = routes

    def check(self) -> None:
        """Raises RepositoryError, which says what to do, unless all is there."""
        if not self.comes and not self.root.is_dir():
            if url := meant_url(str(self.root)):
                raise RepositoryError(
                    f"{url} is read by `stillhouse serve` alone: fetch it with "
                    f"`stillhouse pull {url} DIRECTORY`, and name that directory"
                )
            raise RepositoryError(
                f"no such directory: {self.root.absolute()}: name the model repository with "
                "--models or STILLHOUSE_MODELS"
            )
        self._listing()
        if self._elsewhere is not None and not self._elsewhere.is_file():
            raise RepositoryError(
                f"no such file: {self._elsewhere.absolute()}: STILLHOUSE_ROUTES names the file of "
                "routes; leave it out, and the repository's own are read"
            )

    def versions(self) -> dict[str, list[int]]:
        """Complete versions by model name, ascending.

        Raises:
            RepositoryError: a folder cannot be read.
        """
        found = self._listing()
        for name, why in found.unread.items():
            raise RepositoryError(f"the folder of {name} cannot be read: {why}")
        return found.versions

    def listing(self) -> Listing:
        """What lies there.

        A version is complete when it has a manifest, which publishing writes last. One whose
        folder cannot be read counts too: its manifest then says why it cannot be used.

        Raises:
            OSError: the directory is not there, or cannot be read.
        """
        versions: dict[str, list[int]] = {}
        unread: dict[str, str] = {}
        entries = sorted(os.listdir(self.root))
        for name in entries:
            if not re.fullmatch(NAME_PATTERN, name):
                continue
            try:
                numbers = [int(each) for each in os.listdir(self.root / name) if _is_version(each)]
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                unread[name] = str(error)
                continue
            complete = [n for n in numbers if _is_complete(self.root / name / str(n))]
            if complete:
                versions[name] = sorted(complete)
        is_bare = all(name.startswith(".") or name == HELD for name in entries)
        return Listing(versions, unread, is_bare)

    def _listing(self) -> Listing:
        """The same, and nothing where there is no directory."""
        try:
            return self.listing()
        except (FileNotFoundError, NotADirectoryError):
            return Listing({}, {}, is_bare=True)
        except OSError as error:
            raise RepositoryError(f"the model repository cannot be read: {error}") from error


def _is_version(name: str) -> bool:
    return re.fullmatch(r"[1-9][0-9]{0,8}", name) is not None


def _is_complete(directory: Path) -> bool:
    try:
        (directory / FILE_NAME).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True
