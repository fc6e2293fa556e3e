"""Logits kept text by text, one SQLite file for each fingerprint of who gave them.

The files lie beside the other arrays of `training.cache` and may be deleted at any time. Several
processes may read while one writes; what was committed survives a kill. Knows no models.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager

import numpy as np
import numpy.typing as npt

from service.runtime.model import Input
from training import cache
from training.data.inputs import spelt
from training.errors import CheckpointError

Logits = npt.NDArray[np.float32]

KEY_BYTES = 16
AT_ONCE = 500  # keys of one query: SQLite bounds its variables
PATIENCE = 600.0  # seconds to wait for another process that commits
TABLE = "CREATE TABLE IF NOT EXISTS logits (text BLOB PRIMARY KEY, row BLOB) WITHOUT ROWID"


def text_key(text: Input) -> bytes:
    """What a text or a pair is kept under."""
    raw = spelt(text).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(raw, digest_size=KEY_BYTES).digest()


class LogitStore:
    """What one teacher said, by text.

    Args:
        fingerprint: of the teacher, in hexadecimal digits.
    """

    def __init__(self, fingerprint: str) -> None:
        self.path = cache.folder("logits") / f"{fingerprint}.sqlite"

    def known(self, keys: Sequence[bytes]) -> dict[bytes, Logits]:
        """The rows that are kept of those asked for.

        Raises:
            CheckpointError: the file is damaged.
        """
        found: dict[bytes, Logits] = {}
        if not self.path.is_file():
            return found
        with self._open() as database:
            for start in range(0, len(keys), AT_ONCE):
                part = keys[start : start + AT_ONCE]
                marks = ",".join("?" * len(part))
                # Only question marks are put in.
                query = f"SELECT text, row FROM logits WHERE text IN ({marks})"  # noqa: S608
                found |= {
                    text: np.frombuffer(row, dtype=np.float32)
                    for text, row in database.execute(query, part)
                }
        return found

    def keep(self, rows: Mapping[bytes, Logits] | Iterable[tuple[bytes, Logits]]) -> None:
        """Adds rows, all of them or none.

        Raises:
            CheckpointError: the file is damaged.
        """
        pairs = rows.items() if isinstance(rows, Mapping) else rows
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as database, database:
            database.executemany(
                "INSERT OR REPLACE INTO logits VALUES (?, ?)",
                ((key, np.ascontiguousarray(row, np.float32).tobytes()) for key, row in pairs),
            )

    def __len__(self) -> int:
        if not self.path.is_file():
            return 0
        with self._open() as database:
            (count,) = database.execute("SELECT count(*) FROM logits").fetchone()
        return int(count)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=PATIENCE)) as database:
                database.execute(TABLE)  # writes nothing where it is there
                yield database
        except sqlite3.DatabaseError as error:
            raise CheckpointError(
                f"the kept logits at {self.path} cannot be used ({error}): remove that file"
            ) from error


def matrix(rows: Mapping[bytes, Logits], keys: Sequence[bytes], width: int) -> Logits:
    """The rows of `keys` as one array, (keys, width)."""
    found = np.empty((len(keys), width), dtype=np.float32)
    for place, key in enumerate(keys):
        found[place] = rows[key]
    return found
