"""What an operator holds, where the repository is a store: written there, so that all replicas
follow, or with this service alone where the store cannot be written.
"""  # noqa: D205

import contextlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from service.errors import FileError, RepositoryError
from service.repository.held import FILE_NAME, HeldFile, parse_held, replaced
from service.repository.remote.mirror import Mirror
from service.repository.remote.patient import MOST_BYTES
from service.repository.remote.store import Store

log = logging.getLogger(__name__)


class StoredHeldFile(HeldFile):
    """As `HeldFile`, of a mirror.

    Args:
        open_store: called for each choice.
        fallback: as of `HeldFile`.
    """

    def __init__(
        self, mirror: Mirror, open_store: Callable[[], Store], fallback: Path | None
    ) -> None:
        super().__init__(mirror.root, fallback)
        self._mirror = mirror
        self._open = open_store
        self._store: Store | None = None

    def change(self, name: str, version: int | None, known: Mapping[str, int]) -> bool:
        """As `HeldFile.change`, beside what others wrote into the store meanwhile."""
        with self._mirror.writing_beside():
            self._store = None
            try:
                self._store = self._open()
                text = self._store.read(FILE_NAME, MOST_BYTES).decode()
                parse_held(text)
            except (FileError, UnicodeDecodeError):
                pass  # there is none, or it is of no use
            except RepositoryError as error:
                log.warning("what is held cannot be read", extra={"why": str(error)})
            else:
                replaced(self._file, text)
            return super().change(name, version, known)

    def _keep(self, text: str) -> bool:
        if self._store is None:
            return False
        try:
            self._store.write_text(FILE_NAME, text.encode())
        except RepositoryError as error:
            log.warning("what is held cannot be written", extra={"why": str(error)})
            return False
        with contextlib.suppress(OSError):  # else the next pass brings it here
            replaced(self._file, text)
        return True
