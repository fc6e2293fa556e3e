"""What a setting may be, where that is more than its type: bounds, addresses, URLs and keys."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from service.repository.small_files import read_text

DIALECTS = frozenset({"hf", "oip", "openai", "tei"})
MOST_TEXTS = 10_000  # that `max_texts` can be: no list of a body is read any further
MOST_SECONDS = 2_000_000  # 23 days; gRPC's and the kernel's own numbers end at 2^31 milliseconds
MOST_BYTES = (1 << 30) - 1  # of a message, of which gRPC takes twice as many as a number of 31 bits


def _is_http_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of brackets and ports
        return False


def _address(value: str) -> str:
    if value.strip():  # else it would be every address there is
        return value
    raise ValueError(
        "it is empty: give an address, 0.0.0.0 being all there are, or leave the variable out"
    )


def _url(value: str) -> str:
    if _is_http_url(value):  # an empty one would be the exporter's default
        return value
    raise ValueError(
        "it is no URL: give one as http://localhost:4318/v1/traces, or leave the variable out"
    )


def _dialects(value: str) -> str:
    if unknown := sorted(set(parts_of(value)) - DIALECTS):
        raise ValueError(
            f"there is no dialect {', '.join(unknown)}: there are {', '.join(sorted(DIALECTS))}"
        )
    return value


Seconds = Annotated[float, Field(le=MOST_SECONDS, allow_inf_nan=False)]
ListenAddress = Annotated[str, AfterValidator(_address)]
HttpUrl = Annotated[str, AfterValidator(_url)]
DialectNames = Annotated[str, AfterValidator(_dialects)]


def parts_of(text: str | None) -> list[str]:
    """What stands between commas."""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def secret_keys(secret: SecretStr | None, name: str) -> tuple[str, ...]:
    """The keys in a setting; none: it is not set.

    Raises:
        ValueError: it is set, and holds none.
    """
    if secret is None:
        return ()
    if keys := tuple(parts_of(secret.get_secret_value())):
        return keys
    raise ValueError(f"{name} is set and holds no key: unset it to need none")


def keys_in(path: Path, name: str) -> tuple[str, ...]:
    """The keys in a file, one a line; a byte order mark before them is none of theirs.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no text, or holds none.
    """
    try:
        lines = read_text(path, "utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{name} is not UTF-8: {path}") from None  # the cause shows bytes
    if keys := tuple(line.strip() for line in lines if line.strip()):
        return keys
    raise ValueError(f"{name} holds no key: {path}")
