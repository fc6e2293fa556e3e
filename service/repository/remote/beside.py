"""The files of a store's repository that are no version's: its routes, and what is held by hand.

What cannot be read leaves what was read before in place, and is told.
"""

from collections.abc import Mapping

from service.errors import FileError, RepositoryError, StoreError
from service.repository.held import FILE_NAME as HELD
from service.repository.held import UNLOADED, Held, parse_held
from service.repository.remote.layout import BESIDE
from service.repository.remote.mirror import Mirror, State
from service.repository.remote.patient import Patient
from service.repository.remote.store import Entry
from service.repository.routes import FILE_NAME as ROUTES
from service.repository.routes import Routes, Target, parse_routes


class Beside:
    """The files of one listing.

    Args:
        state: in which is noted what was read.
    """

    def __init__(
        self, store: Patient, mirror: Mirror, state: State, listing: Mapping[str, Entry]
    ) -> None:
        self._store = store
        self._mirror = mirror
        self._state = state
        self._listing = listing

    def named(self) -> set[Target]:
        """The versions that they name: as the store has them or, where that is of no use, as here.

        Raises:
            StoreError: the store is away.
        """
        routes, held = Routes(), Held()
        for name in BESIDE:
            for text in (self._here(name), self._there(name)):
                try:
                    if name == ROUTES:
                        routes = parse_routes(text, name)
                    elif name == HELD:
                        held = parse_held(text)
                except RepositoryError:  # told where it is taken in
                    continue
        by_hand = {Target(*one) for one in held.items() if one[1] != UNLOADED}
        return routes.pinned | by_hand

    def take_in(self) -> None:
        """Puts them into the mirror, those that can be read.

        Raises:
            StoreError: the store is away.
        """
        for name in BESIDE:
            with self._mirror.writing_beside():  # from reading on: what is written there is newer
                self._take(name, self._listing.get(name))

    def _here(self, name: str) -> str:
        place = self._mirror.at / name
        return place.read_text(encoding="utf-8", errors="replace") if place.is_file() else ""

    def _there(self, name: str) -> str:
        """Read only where it is another than the one that is here."""
        entry = self._listing.get(name)
        if entry is None:
            return ""
        if self._state.beside.get(name) == entry.tag:
            return self._here(name)
        try:
            return self._store.read(name).decode(errors="replace")
        except FileError:  # gone since it was listed
            return ""

    def _take(self, name: str, entry: Entry | None) -> None:
        """One file. The listing may be old: what was written since is not undone."""
        state = self._state
        here = (self._mirror.at / name).is_file()
        tag = entry.tag if entry else ""
        if entry is None and not here:
            state.beside.pop(name, None)
            state.problems.pop(name, None)
            return
        if entry and state.beside.get(name) == tag and (here or name in state.problems):
            return
        try:
            content = self._store.read(name)
            text = content.decode()
            parse_routes(text, name) if name == ROUTES else parse_held(text)
        except FileError as error:
            if entry is None:
                self._mirror.put_beside(name, None)
            else:
                state.problems[name] = f"{name} cannot be read: {error}"
        except StoreError:
            raise
        except (RepositoryError, UnicodeDecodeError) as error:
            state.problems[name] = f"{error}: what was read before stays in force"
        else:
            self._mirror.put_beside(name, content)
            state.problems.pop(name, None)
        state.beside[name] = tag
        self._mirror.write(state)
