"""Keys: who may predict, and who may change models.

Keys are compared in constant time, as hashes, and never logged. Knows paths and headers.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from service.errors import Unauthorised

# Probes and scrapers carry no keys; the page and the documents hold nothing secret.
OPEN = ("/livez", "/readyz", "/metrics", "/v2/health/", "/tei/health", "/docs", "/openapi.json")


class Keys:
    """The keys of the service.

    Args:
        predict: any of these may predict; none: everybody may.
        admin: may use /admin; None: nobody may.
    """

    def __init__(self, predict: Sequence[str], admin: str | None) -> None:
        self._predict = [_hash(key) for key in predict]
        self._admin = None if admin is None else _hash(admin)

    def check(self, path: str, headers: Mapping[bytes, bytes]) -> None:
        """Raises Unauthorised unless the request may go to `path`."""
        if path.startswith("/admin"):
            if self._admin is None:
                raise Unauthorised("/admin is closed: the service was started without an admin key")
            if not _matches(headers, [self._admin]):
                raise Unauthorised("this needs the admin key, as Authorization: Bearer KEY")
            return
        if not self._predict or path == "/" or path.startswith((*OPEN, "/static/")):
            return
        admitted = [*self._predict, *([self._admin] if self._admin else [])]
        if not _matches(headers, admitted):
            raise Unauthorised("this needs a key, as Authorization: Bearer KEY")


def _matches(headers: Mapping[bytes, bytes], keys: Sequence[bytes]) -> bool:
    scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer":
        given = headers.get(b"x-api-key", b"")
    found = _hash(given.strip().decode("latin-1"))
    # Every key is compared, so that the time does not tell which one came close.
    return sum(hmac.compare_digest(found, key) for key in keys) > 0


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
