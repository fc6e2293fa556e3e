"""Folders that cannot be read, also by root, who may read all, and those that are locked."""

import errno
import fcntl
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock


@contextmanager
def denied(folder: Path) -> Iterator[None]:
    """A folder that may be neither listed nor looked into, as `chmod 000` leaves it."""

    def refusing(do: Callable[..., Any], *, beneath: bool) -> Callable[..., Any]:
        def refuse(path: Any = ".", *args: Any, **options: Any) -> Any:
            if not isinstance(path, int):
                at = Path(path)
                if folder in at.parents or (at == folder and not beneath):
                    raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return do(path, *args, **options)

        return refuse

    with (
        mock.patch.object(os, "listdir", refusing(os.listdir, beneath=False)),
        mock.patch.object(os, "scandir", refusing(os.scandir, beneath=False)),
        mock.patch.object(os, "stat", refusing(os.stat, beneath=True)),
        mock.patch.object(os, "open", refusing(os.open, beneath=True)),
        mock.patch.object(io, "open", refusing(io.open, beneath=True)),
    ):
        yield


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """A folder that somebody has locked, and keeps so."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
