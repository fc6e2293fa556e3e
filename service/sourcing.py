"""Where models come from, made of the settings: a directory, or a store with its mirror here."""

from functools import partial
from pathlib import Path

from service.repository.held import HeldFile
from service.repository.remote.address import check_installed
from service.repository.remote.following import Follower
from service.repository.remote.holding import StoredHeldFile
from service.repository.remote.mirror import Mirror
from service.repository.remote.store import open_store
from service.repository.sources import ModelRepository
from service.settings import Settings


def mirror_of(settings: Settings) -> Mirror | None:
    """Where the models of a store are kept; None where they lie in a directory.

    Raises:
        RepositoryError: what reads the store is not installed.
    """
    address = settings.models_address
    if address is None:
        return None
    check_installed(address)
    return Mirror(settings.models_cache_folder / address.slug)


def repository_of(settings: Settings, mirror: Mirror | None) -> ModelRepository:
    """The directory that models are read from."""
    if mirror is None:
        return ModelRepository(Path(settings.models), settings.routes)
    return ModelRepository(mirror.root, settings.routes, comes=True)


def held_file_of(settings: Settings, mirror: Mirror | None, shared: Path | None) -> HeldFile:
    """What is held by hand, see `HeldFile`."""
    address = settings.models_address
    if mirror is None or address is None:
        return HeldFile(Path(settings.models), shared)
    opened = partial(open_store, address, settings.models_timeout_seconds)
    return StoredHeldFile(mirror, opened, shared)


def follower_of(settings: Settings, mirror: Mirror | None) -> Follower | None:
    """Who follows the store; None where models lie in a directory."""
    address = settings.models_address
    if mirror is None or address is None:
        return None
    return Follower(
        str(address),
        mirror,
        partial(open_store, address, settings.models_timeout_seconds),
        poll_seconds=settings.models_poll_seconds,
        most_bytes=settings.models_cache_bytes,
        routes=settings.routes,
    )
