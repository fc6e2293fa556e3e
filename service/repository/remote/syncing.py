"""One pass over a store: what is there and not here is fetched, what is gone goes.

In the order of need: the versions that are held or that routes name, the highest good one of each
model, the files beside them, and then older versions as far as there is room for them. A version
is seen once all files that its manifest names are here and are those that were published.
"""

import time
from collections.abc import Collection, Iterator
from itertools import chain
from threading import Event

from service.errors import FileError, ManifestError, StoreError
from service.repository.manifest import FILE_NAME as MANIFEST
from service.repository.manifest import Manifest
from service.repository.remote.beside import Beside
from service.repository.remote.layout import Files, place_of, target_in, versions_in
from service.repository.remote.mirror import Kept, Mirror, Refused, State
from service.repository.remote.patient import Patient
from service.repository.remote.store import Entry, Store
from service.repository.remote.versions import fetch_files, fetch_manifest
from service.repository.routes import Target

FIRST_SECONDS = 30.0  # after which a version that was refused is tried again, then twice that,
AGAIN_SECONDS = 3600.0  # and so on up to this


class Sync:
    """One pass. The caller holds `Mirror.fetching`.

    Args:
        named: versions that are wanted beside those that the store's own files name.
        used: versions that somebody has in memory: they stay whatever room is needed.
        most_bytes: of all versions here.
        stopping: ends the pass, between two blocks.
    """

    def __init__(
        self,
        store: Store,
        mirror: Mirror,
        *,
        used: Collection[Target],
        named: Collection[Target] = (),
        most_bytes: int,
        stopping: Event,
        pause: float = 0.2,
    ) -> None:
        self._url = store.url
        self._patient = Patient(store, stopping, pause)
        self._mirror = mirror
        self._used = set(used)
        self._named = set(named)
        self._most_bytes = most_bytes
        self._state = mirror.state()
        self._remote: dict[Target, dict[str, Entry]] = {}
        self._needed: set[Target] = set()

    def run(self) -> State:
        """Brings the mirror to what the store has; the state is written as it goes on.

        Raises:
            StoreError: the store is away, or has lost every version; what is here stays.
            Stopped: the process ends.
        """
        state = self._state
        listing = self._patient.list()
        self._remote = versions_in(listing)
        self._check_kept()
        if not self._remote and state.kept:
            raise StoreError(
                f"{self._url} lists no version any more: what is here stays until there is "
                "one again"
            )
        beside = Beside(self._patient, self._mirror, state, listing)
        self._needed = (beside.named() | self._named) & self._remote.keys()
        state.left_out.clear()
        for target in chain(sorted(self._needed), self._highest()):
            self._bring(target, needed=True)
        beside.take_in()
        self._drop_gone()
        self._mirror.tidy(state.kept)
        self._mirror.show()
        self._mirror.write(state)
        for target in sorted(self._remote, key=lambda one: -(one.version or 0)):
            self._bring(target, needed=False)
        state.refused = {
            place: one for place, one in state.refused.items() if target_in(place) in self._remote
        }
        return state

    # What is wanted

    def _highest(self) -> Iterator[Target]:
        """Of each model its versions from the highest on, until whoever asks has brought one."""
        for name in sorted({target.name for target in self._remote}):
            numbers = sorted((t.version or 0 for t in self._remote if t.name == name), reverse=True)
            for number in numbers:
                yield Target(name, number)
                if self._is_here(Target(name, number)):
                    self._needed.add(Target(name, number))
                    break

    # Versions

    def _bring(self, target: Target, *, needed: bool) -> None:
        """Has a version here as it is in the store, or says why it is not.

        Raises:
            StoreError, Stopped: as `run`.
        """
        place, state = place_of(target), self._state
        refused = state.refused.get(place)
        if self._is_here(target) or place in state.left_out:
            return
        files = self._remote[target]
        tags = {name: entry.tag for name, entry in files.items()}
        if refused and refused.tags == tags and refused.again_at > time.time():
            return
        try:
            self._fetch(target, files, needed=needed)
        except _NoRoom as error:
            state.left_out[place] = str(error)
            return
        except (FileError, ManifestError) as error:
            times = refused.times + 1 if refused and refused.tags == tags else 1
            again = time.time() + min(FIRST_SECONDS * 2.0 ** (times - 1), AGAIN_SECONDS)
            state.refused[place] = Refused(why=str(error), tags=tags, times=times, again_at=again)
        else:
            state.refused.pop(place, None)
        self._mirror.write(state)

    def _is_here(self, target: Target) -> bool:
        """Whether a version is here as it is in the store, as far as the listing tells."""
        kept = self._state.kept.get(place_of(target))
        files = self._remote[target]
        return kept is not None and all(
            name in files and files[name].tag == tag for name, tag in kept.tags.items()
        )

    def _fetch(self, target: Target, files: Files, *, needed: bool) -> None:
        place = place_of(target)
        with self._mirror.begin(target) as begun:
            manifest = fetch_manifest(self._patient, place, files, begun)
            self._make_room(target, files, manifest, needed=needed)
            fetch_files(self._patient, place, manifest, begun)
            folder = self._mirror.place(target, begun)
        before = self._state.kept.get(place)
        names = (MANIFEST, *manifest.files)
        self._state.kept[place] = Kept(
            folder=folder,
            tags={name: files[name].tag for name in names},
            sizes={name: files[name].bytes for name in names},
        )
        self._mirror.write(self._state)
        if before is not None:
            self._mirror.drop_folder(before)

    # Room

    def _make_room(self, target: Target, files: Files, manifest: Manifest, *, needed: bool) -> None:
        """Takes away what nobody needs, the oldest first, until a version fits.

        Raises:
            _NoRoom: it would not fit all the same, or is not worth it.
        """
        need = sum(files[name].bytes for name in (MANIFEST, *manifest.files))
        kept = self._state.kept
        # What it replaces goes as soon as it is here.
        taken = sum(one.bytes for place, one in kept.items() if place != place_of(target))
        spare = [place for place in kept if self._is_spare(place, target)] if needed else []
        spare.sort(key=lambda place: target_in(place).version or 0)
        if taken - sum(kept[place].bytes for place in spare) + need > self._most_bytes:
            raise _NoRoom(
                f"{place_of(target)} has {need} bytes, and there is room for "
                f"{max(0, self._most_bytes - taken)} of {self._most_bytes}: raise "
                "STILLHOUSE_MODELS_CACHE_BYTES"
            )
        for place in spare:
            if taken + need <= self._most_bytes:
                break
            taken -= kept[place].bytes
            self._drop(place)

    def _is_spare(self, place: str, coming: Target) -> bool:
        """Whether a version may go to make room for another."""
        one = target_in(place)
        if one in self._used or one in self._needed or one == coming:
            return False
        highest = max(
            target_in(p).version or 0 for p in self._state.kept if target_in(p).name == one.name
        )
        return one.version != highest

    def _check_kept(self) -> None:
        """Forgets what somebody took out of the mirror by hand."""
        for place, kept in list(self._state.kept.items()):
            if not self._mirror.is_whole(place, kept):
                self._drop(place)

    def _drop_gone(self) -> None:
        for place in list(self._state.kept):
            if target_in(place) not in self._remote:
                self._drop(place)

    def _drop(self, place: str) -> None:
        self._mirror.drop(place, self._state.kept.pop(place))
        self._mirror.write(self._state)


class _NoRoom(Exception):
    """A version does not fit."""
