"""Small files that people write by hand, and that are read again while the service runs."""

import errno
from pathlib import Path


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """A regular file's text. Of a pipe nobody knows when it ends, and reading would wait for ever.

    Raises:
        OSError: it cannot be read, or is no regular file.
        UnicodeDecodeError: it is not of that encoding.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return path.read_text(encoding=encoding)
