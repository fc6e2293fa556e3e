"""Arrays that took long to compute, kept on disk by the hash of what they were computed from.

They lie in `$STILLHOUSE_CACHE`, or `~/.cache/stillhouse`; what is there may be deleted at any time.
"""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


def recall(kind: str, key: str) -> Array | None:
    """An array that was kept, or None.

    Args:
        kind: what it holds; a folder's name.
        key: a hash, in hexadecimal digits.
    """
    path = _path(kind, key)
    return np.load(path, allow_pickle=False) if path.is_file() else None


def keep(kind: str, key: str, array: Array) -> None:
    """Writes beside its place and renames: a file of the cache is whole."""
    path = _path(kind, key)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.save(file, array)
    partial.replace(path)


def root() -> Path:
    """The folder that all of the cache is in."""
    return Path(os.environ.get("STILLHOUSE_CACHE", Path.home() / ".cache" / "stillhouse"))


def folder(kind: str) -> Path:
    """Where the cache keeps what is of one kind; it may not be there."""
    return root() / kind


def _path(kind: str, key: str) -> Path:
    return folder(kind) / f"{key}.npy"
