"""The URL of a repository, and which package reads it. Opens nothing."""

import hashlib
import re
from importlib.util import find_spec
from typing import NamedTuple

from service.errors import RepositoryError

_URL = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.DOTALL)
_COLLAPSED = re.compile(r"(s3|gs|az|hf):/+")  # what a path makes of a URL
_HUB = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")
_BUCKET = re.compile(r"[\w.-]+(/[^/]+)*")


class Kind(NamedTuple):
    """A kind of store.

    Attributes:
        protocol: its name in fsspec.
        module: that reads it.
        extra: of this package, that brings the module.
        form: of its URLs.
    """

    protocol: str
    module: str
    extra: str
    form: str


KINDS = {
    "s3": Kind("s3", "s3fs", "s3", "s3://bucket/prefix"),
    "gs": Kind("gcs", "gcsfs", "gs", "gs://bucket/prefix"),
    "az": Kind("abfs", "adlfs", "az", "az://container/prefix"),
    "hf": Kind("hf", "huggingface_hub", "hub", "hf://owner/repo or hf://owner/repo@revision"),
}


class Address(NamedTuple):
    """Where a repository lies: `scheme://path`, without a slash at the end."""

    scheme: str
    path: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.path}"

    @property
    def kind(self) -> Kind:
        """How it is read."""
        return KINDS[self.scheme]

    @property
    def slug(self) -> str:
        """A name for a folder, other than that of any other address."""
        digest = hashlib.sha256(str(self).encode()).hexdigest()[:8]
        return f"{re.sub(r'[^A-Za-z0-9]+', '-', str(self))[:60]}-{digest}"


def parse_address(text: str) -> Address | None:
    """Reads a URL; None where it is none, but a path.

    Raises:
        RepositoryError: it is a URL of another form than those that are read.
    """
    found = _URL.fullmatch(text)
    if found is None:
        return None
    scheme, path = found[1], found[2].rstrip("/")
    kind = KINDS.get(scheme)
    if kind is None:
        forms = ", ".join(one.form for one in KINDS.values())
        raise RepositoryError(f"{scheme}:// is not read: name a directory, {forms}")
    form = _HUB if scheme == "hf" else _BUCKET
    if "@" in path.partition("/")[0]:
        raise RepositoryError(
            f"a URL holds no user or key: it looks like {kind.form}, and the driver takes its "
            "credentials from its own variables and files"
        )
    if not form.fullmatch(path) or ".." in path.split("/"):
        raise RepositoryError(f"{text} should look like {kind.form}")
    return Address(scheme, path)


def check_installed(address: Address) -> None:
    """Raises RepositoryError, which says what to install, where a driver is missing."""
    kind = address.kind
    missing = [name for name in ("fsspec", kind.module) if find_spec(name) is None]
    if missing:
        raise RepositoryError(
            f"{address} needs {' and '.join(missing)}: pip install 'stillhouse[{kind.extra}]'"
        )


def meant_url(path: str) -> str | None:
    """The URL that somebody gave as a path, which made one slash of two; None: it is a path."""
    found = _COLLAPSED.match(path)
    return f"{found[1]}://{path[found.end() :]}" if found else None
