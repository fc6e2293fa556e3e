"""The model repository on disk: which models and versions there are. Loads nothing."""

import re
from pathlib import Path

from service.errors import RepositoryError
from service.repository.manifest import FILE_NAME, NAME_PATTERN
from service.repository.remote.address import meant_url
from service.repository.routes import FILE_NAME as ROUTES


class ModelRepository:
    """A directory of `<name>/<version>/`; read afresh at each call.

    Args:
        root: the directory; while it does not exist it holds no models.
        routes: the file of its routes, where that lies elsewhere.
        comes: the directory is made by whoever fetches the models.
    """

    def __init__(self, root: Path, routes: Path | None = None, *, comes: bool = False) -> None:
        self.root = root
        self._comes = comes
        self.routes_file = routes or root / ROUTES
        self._elsewhere = routes

    def check(self) -> None:
        """Raises RepositoryError, which says what to do, unless all is there."""
        if not self._comes and not self.root.is_dir():
            if url := meant_url(str(self.root)):
                raise RepositoryError(
                    f"{url} is read by `stillhouse serve` alone: fetch it with "
                    f"`stillhouse pull {url} DIRECTORY`, and name that directory"
                )
            raise RepositoryError(
                f"no such directory: {self.root.absolute()}: name the model repository with "
                "--models or STILLHOUSE_MODELS"
            )
        if self._elsewhere is not None and not self._elsewhere.is_file():
            raise RepositoryError(
                f"no such file: {self._elsewhere.absolute()}: STILLHOUSE_ROUTES names the file of "
                "routes; leave it out, and the repository's own are read"
            )

    def versions(self) -> dict[str, list[int]]:
        """Complete versions by model name, ascending.

        A version is complete when it has a manifest, which publishing writes last.
        """
        found: dict[str, list[int]] = {}
        if not self.root.is_dir():
            return found
        for path in self.root.glob(f"*/*/{FILE_NAME}"):
            version, name = path.parent.name, path.parent.parent.name
            if re.fullmatch(r"[1-9][0-9]{0,8}", version) and re.fullmatch(NAME_PATTERN, name):
                found.setdefault(name, []).append(int(version))
        return {name: sorted(found[name]) for name in sorted(found)}
