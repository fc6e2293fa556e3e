"""A store of files behind a URL, by fsspec: listed, read in blocks, written. Knows no models.

Each call to it has an end in time. What goes wrong is one of two errors: the store is away, or a
file is not there.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from service.errors import FileError, StoreError
from service.repository.remote.address import Address, check_installed

BLOCK_BYTES = 8 << 20  # that are asked for at a time, and have to come within the bound on time
# What tells one content from another, in the drivers' own words; the first that is there.
TELLING = ("ETag", "etag", "blob_id", "md5Hash", "generation", "created", "mtime", "last_modified")


class Entry(NamedTuple):
    """A file as a listing tells it.

    Attributes:
        tag: differs when its content does.
    """

    bytes: int
    tag: str


class Store:
    """The files under one URL, by their paths from there.

    Args:
        filesystem: of fsspec.
        prefix: of the paths in it.
        url: what it is called.
        seconds: in which it has to answer: a listing, or a block of a file.
    """

    def __init__(self, filesystem: Any, prefix: str, url: str, seconds: float = 60.0) -> None:
        self.url = url
        self._files = filesystem
        self._prefix = prefix.rstrip("/")
        self._seconds = seconds

    def list(self) -> dict[str, Entry]:
        """Every file, by its path; of folders alone nothing is told.

        Raises:
            StoreError: it is away, or refuses.
        """
        self._files.invalidate_cache()
        options = {"refresh": True} if self._files.protocol == "hf" else {}
        found = self._call("find", self._prefix, detail=True, **options)
        entries = {}
        for path, info in found.items():
            name = path.lstrip("/").removeprefix(self._prefix.lstrip("/")).lstrip("/")
            if info.get("type") == "file" and name:
                entries[name] = Entry(int(info.get("size") or 0), _tag(info))
        return entries

    def read(self, name: str, most: int) -> bytes:
        """A small file.

        Args:
            most: bytes that it may have.

        Raises:
            FileError: it is not there, or larger.
            StoreError: as `list`.
        """
        path = self._path(name)
        if int(self._call("info", path).get("size") or 0) > most:
            raise FileError(f"{self.url}/{name} has more than {most} bytes")
        content: bytes = self._call("cat_file", path)  # whole: an empty file has no range
        return content

    def block(self, name: str, start: int, end: int) -> bytes:
        """A part of a file that has at least `end` bytes.

        Raises:
            FileError: it is not there.
            StoreError: as `list`; or it broke off.
        """
        block: bytes = self._call("cat_file", self._path(name), start=start, end=end)
        if len(block) != end - start:
            raise StoreError(f"{self.url}/{name} broke off after {start + len(block)} bytes")
        return block

    def write(self, name: str, source: Path) -> None:
        """Puts a file, which is there whole or not at all.

        Raises:
            StoreError: it cannot be written.
        """
        blocks = 1 + source.stat().st_size // BLOCK_BYTES
        self._make_folder(name)
        self._call("put_file", str(source), self._path(name), seconds=self._seconds * blocks)

    def write_text(self, name: str, content: bytes, *, new: bool = False) -> None:
        """Puts a small file.

        Args:
            new: it must not be there yet; where the store can tell that in one step, it does.

        Raises:
            FileError: it is there.
            StoreError: it cannot be written.
        """
        self._make_folder(name)
        mode = "create" if new and self._files.protocol != "hf" else "overwrite"
        self._call("pipe_file", self._path(name), content, mode=mode)

    def _make_folder(self, name: str) -> None:
        """Where folders are things of their own, as on a disk; a bucket is never made."""
        if getattr(self._files, "async_impl", False) or self._files.protocol == "hf":
            return
        self._call("makedirs", self._path(name).rpartition("/")[0], exist_ok=True)

    def _path(self, name: str) -> str:
        return f"{self._prefix}/{name}"

    def _call(
        self, method: str, *arguments: object, seconds: float | None = None, **options: object
    ) -> Any:
        """One call of the file system, bounded in time where it can be broken off."""
        try:
            return self._bounded(method, seconds or self._seconds)(*arguments, **options)
        except (FileNotFoundError, FileExistsError) as error:
            if method == "find":
                raise StoreError(f"{self.url}: there is no such bucket or repository") from error
            there = "is not there" if isinstance(error, FileNotFoundError) else "is there already"
            raise FileError(
                f"{self.url}: {arguments[-1 if method == 'put_file' else 0]} {there}"
            ) from error
        except Exception as error:  # each driver has a tree of its own
            raise StoreError(f"{self.url}: {_told(error)}") from error

    def _bounded(self, method: str, seconds: float) -> Callable[..., Any]:
        coroutine = getattr(self._files, f"_{method}", None)
        if not getattr(self._files, "async_impl", False) or coroutine is None:
            called: Callable[..., Any] = getattr(self._files, method)
            return called
        from fsspec.asyn import sync

        return lambda *arguments, **options: sync(
            self._files.loop, coroutine, *arguments, timeout=seconds, **options
        )


def open_store(address: Address, seconds: float = 60.0) -> Store:
    """Opens a store with credentials from where its driver looks for them; contacts nothing yet.

    Raises:
        RepositoryError: its driver is not installed.
        StoreError: the driver refuses, as it does without credentials.
    """
    check_installed(address)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import fsspec

    options: dict[str, Any] = {"skip_instance_cache": True}
    if address.scheme != "hf":
        options["use_listings_cache"] = False
    if address.scheme == "s3":
        # Tried again by whoever asked, who knows how long there is.
        options["config_kwargs"] = {"retries": {"max_attempts": 1}}
    try:
        filesystem = fsspec.filesystem(address.kind.protocol, **options)
    except Exception as error:
        raise StoreError(f"{address}: {_told(error)}") from error
    if address.scheme == "s3":
        filesystem.retries = 1  # likewise
    return Store(filesystem, address.path, str(address), seconds)


def _tag(info: Mapping[str, Any]) -> str:
    """What tells one content from another, as far as the store says it."""
    return next((str(info[key]) for key in TELLING if info.get(key) is not None), "")


def _told(error: BaseException) -> str:
    """What went wrong, on one line and of bounded length."""
    text = " ".join(str(error).split())
    kind = type(error).__name__
    return f"{kind}: {text[:300]}" if text else kind
