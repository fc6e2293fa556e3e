"""The model repository on disk: which models and versions there are. Loads nothing."""

import re
from pathlib import Path

from service.errors import RepositoryError
from service.repository.manifest import FILE_NAME, NAME_PATTERN


class ModelRepository:
    """A directory of `<name>/<version>/`; read afresh at each call.

    Args:
        root: the directory; while it does not exist it holds no models.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def check(self) -> None:
        """Raises RepositoryError, which says what to do, unless the directory is there."""
        if not self.root.is_dir():
            raise RepositoryError(
                f"no such directory: {self.root.absolute()}: name the model repository with "
                "--models or STILLHOUSE_MODELS"
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
