"""Keys: who may predict, and who may change models.

Keys are compared in constant time, as hashes, and never logged. Knows paths and headers.
"""

import hashlib
import hmac
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Self

from service.errors import Unauthorised
from service.settings import Settings

log = logging.getLogger(__name__)

GRPC = "/inference.GRPCInferenceService/"  # below it, the methods of gRPC
# Probes and scrapers carry no keys; the page and the documents hold nothing secret.
OPEN = frozenset(
    {
        *("/", "/livez", "/readyz", "/metrics", "/tei/health", "/docs", "/openapi.json"),
        *(f"{GRPC}ServerLive", f"{GRPC}ServerReady"),
    }
)
OPEN_BELOW = ("/static/", "/docs/", "/v2/health/")
# The second and third load and unload, as /admin does.
ADMIN_BELOW = ("/admin", "/v2/repository/models/", f"{GRPC}RepositoryModel")


class Keys:
    """The keys of the service.

    Args:
        predict: any of these may predict; none: everybody may.
        admin: may use /admin; None: nobody may.
    """

    def __init__(self, predict: Iterable[str], admin: str | None) -> None:
        self._predict = _hashes(predict)
        self._admin = _hashes([] if admin is None else [admin])
        self._settings: Settings | None = None
        self._problems: dict[str, str] = {}

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The keys that the settings name.

        Raises:
            OSError: a file of keys cannot be read.
            ValueError: keys were asked for and there are none.
        """
        keys = cls(settings.prediction_keys, settings.administrator_key)
        keys._settings = settings
        return keys

    def refresh(self) -> None:
        """Reads the files of keys again.

        A file that has no key any more, or cannot be read, leaves the keys before it in force and
        is logged once. Blocks for as long as reading takes.
        """
        settings = self._settings
        if settings is None:
            return
        if settings.api_keys_file is not None:
            self._predict = self._read_again(
                "keys for predictions", lambda: settings.prediction_keys, self._predict
            )
        if settings.admin_key_file is not None:
            self._admin = self._read_again(
                "the key for /admin",
                lambda: [key] if (key := settings.administrator_key) else [],
                self._admin,
            )

    def check(self, path: str, headers: Mapping[bytes, bytes]) -> None:
        """Checks whether a request may go on.

        Args:
            path: as the application's routes see it, that is without `root_path`.

        Raises:
            Unauthorised: it may not.
        """
        if path.startswith(ADMIN_BELOW):
            if not self._admin:
                raise Unauthorised("/admin is closed: the service was started without an admin key")
            if not _matches(headers, self._admin):
                raise Unauthorised("this needs the admin key, as Authorization: Bearer KEY")
            return
        if not self._predict or path in OPEN or path.startswith(OPEN_BELOW):
            return
        if not _matches(headers, self._predict | self._admin):
            raise Unauthorised("this needs a key, as Authorization: Bearer KEY")

    def _read_again(
        self, what: str, read: Callable[[], Iterable[str]], before: frozenset[bytes]
    ) -> frozenset[bytes]:
        try:
            found = _hashes(read())
        except (OSError, ValueError) as error:
            if self._problems.get(what) != str(error):
                self._problems[what] = str(error)
                log.error("keys kept as they were", extra={"what": what, "why": str(error)})
            return before
        self._problems.pop(what, None)
        if found != before:
            log.info("keys read again", extra={"what": what})
        return found


def _matches(headers: Mapping[bytes, bytes], keys: Iterable[bytes]) -> bool:
    scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer":
        given = headers.get(b"x-api-key", b"")
    found = hashlib.sha256(given.strip()).digest()
    # Every key is compared, so that the time does not tell which one came close.
    return sum(hmac.compare_digest(found, key) for key in keys) > 0


def _hashes(keys: Iterable[str]) -> frozenset[bytes]:
    """Hashes of keys as clients send them: in UTF-8, or in Latin-1 as HTTP once had it."""
    sent = set()
    for key in keys:
        for encoding in ("utf-8", "latin-1"):
            with suppress(UnicodeEncodeError):
                sent.add(key.encode(encoding))
    return frozenset(hashlib.sha256(key).digest() for key in sent)
