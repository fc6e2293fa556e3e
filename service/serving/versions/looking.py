"""Looks at what the repository holds, and says of what it could see nothing. Blocks."""

from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from service.errors import RepositoryError
from service.repository.files import file_stamp, stamp
from service.repository.manifest import FILE_NAME as MANIFEST
from service.repository.manifest import Manifest, read_manifest
from service.repository.routes import Target
from service.repository.sources import Listing, ModelRepository


class Found(NamedTuple):
    """A version as it lies in the repository.

    Attributes:
        problem: why its manifest cannot be used; None: it can.
        stamp: of its files, where it has failed before or does now.
    """

    manifest: Manifest | None
    problem: str | None
    stamp: object


class Seen(NamedTuple):
    """What a look has shown.

    Attributes:
        versions: that lie there.
        unread: models of whose folder nothing could be seen, with why.
        away: why nothing could be seen of the whole repository; None: it could.
    """

    versions: Mapping[Target, Found]
    unread: Mapping[str, str]
    away: str | None = None

    @property
    def problems(self) -> list[str]:
        """Of what nothing could be seen, and why, each as a sentence."""
        if self.away is not None:
            return [f"{self.away}: what it said before stays in force"]
        return [
            f"the folder of {name} cannot be read: {why}: its versions stay as they were"
            for name, why in self.unread.items()
        ]


def look(repository: ModelRepository, failed: Collection[Target], *, had_models: bool) -> Seen:
    """What a repository holds.

    Args:
        failed: versions of which a stamp is wanted.
        had_models: there were some at the look before.
    """
    listing = _listing(repository, had_models=had_models)
    if isinstance(listing, str):
        return Seen({}, {}, listing)
    versions = {
        Target(name, number): _look_at(repository.root / name / str(number), (name, number), failed)
        for name, numbers in listing.versions.items()
        for number in numbers
    }
    return Seen(versions, listing.unread)


def is_away(repository: ModelRepository, *, had_models: bool) -> bool:
    """Whether nothing can be seen of a repository, so that what is not there is not gone."""
    return isinstance(_listing(repository, had_models=had_models), str)


def _listing(repository: ModelRepository, *, had_models: bool) -> Listing | str:
    """What lies there, or why that cannot be seen.

    A directory that is suddenly empty is what a volume leaves that is not mounted.
    """
    try:
        listing = repository.listing()
    except OSError as error:
        return f"the model repository cannot be read: {error}"
    if had_models and listing.is_bare and not repository.comes:
        return (
            f"the model repository {repository.root} is empty, as if it were not mounted (to take "
            "a model out of service, unload it)"
        )
    return listing


def _look_at(directory: Path, target: tuple[str, int], failed: Collection[Target]) -> Found:
    seen = stamp(directory) if Target(*target) in failed else None
    try:
        return Found(_manifest(directory, file_stamp(directory / MANIFEST)), None, seen)
    except RepositoryError as error:
        return Found(None, str(error), seen or stamp(directory))


@lru_cache(maxsize=4096)
def _manifest(directory: Path, _: object) -> Manifest:
    """Read once for each state of its file."""
    return read_manifest(directory)
