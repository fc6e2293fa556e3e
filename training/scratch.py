"""Arrow tables that are too large for memory: written to disk once, then mapped from there.

The files lie in the cache's folder and have no name there while they are used, so that none is
left behind whatever ends the process.
"""

import contextlib
import tempfile
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from training import cache


def mapped(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """Writes batches as they come, and maps what was written.

    Args:
        batches: of `schema`; one at a time is in memory.
    """
    folder = cache.root() / "scratch"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".arrow", delete=False) as file:
        path = Path(file.name)
        try:
            with pa.ipc.new_file(file, schema) as writer:
                for batch in batches:
                    writer.write_batch(batch)
            file.flush()
            return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        finally:
            with contextlib.suppress(OSError):  # some systems keep a mapped file
                path.unlink()
