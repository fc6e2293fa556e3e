"""A version's files out of a store: listed as they should be, fetched, and compared by hash."""

from pathlib import Path

from service.errors import FileError
from service.repository.files import verify_files
from service.repository.manifest import FILE_NAME as MANIFEST
from service.repository.manifest import Manifest, read_manifest
from service.repository.remote.layout import Files
from service.repository.remote.patient import Patient
from service.repository.remote.store import BLOCK_BYTES


def fetch_manifest(store: Patient, place: str, files: Files, folder: Path) -> Manifest:
    """Fetches a version's manifest, and says whether the rest of it can be fetched.

    Args:
        place: the version's, in the store.
        files: what the listing has of it.
        folder: for its files, called as the version is.

    Raises:
        ManifestError: it cannot be used.
        FileError: a file that it names is not in the store, or of another size.
        StoreError, Stopped: see `Patient`.
    """
    (folder / MANIFEST).write_bytes(store.read(f"{place}/{MANIFEST}"))
    manifest = read_manifest(folder)
    for name, file in manifest.files.items():
        if name not in files:
            raise FileError(f"{place}: {name} is not in the store, or not yet")
        if files[name].bytes != file.bytes:
            raise FileError(
                f"{place}: {name} has {files[name].bytes} bytes in the store, published were "
                f"{file.bytes}"
            )
    return manifest


def fetch_files(store: Patient, place: str, manifest: Manifest, folder: Path) -> None:
    """Fetches the files that a manifest names, which are then those that were published.

    Raises:
        FileError: one is not there, or is not the one that was published.
        StoreError, Stopped: see `Patient`.
    """
    for name, file in manifest.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with (folder / name).open("wb") as target:
            for start in range(0, file.bytes, BLOCK_BYTES):
                end = min(start + BLOCK_BYTES, file.bytes)
                target.write(store.block(f"{place}/{name}", start, end))
    verify_files(folder, manifest, folder)
