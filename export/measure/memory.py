"""How much memory a model takes: seen in a process of its own, which loads it and answers texts.

`python -m export.measure.memory DIRECTORY` is that process: texts as JSON on its input, bytes on
its output.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from export.errors import ExportError
from export.measure.served import one_batch
from service.runtime.model import Input, Pair
from service.runtime.tasks.classification import Classifier

STATM = Path("/proc/self/statm")
UNIT = 1 if sys.platform == "darwin" else 1024  # of what the system counts in


def memory_of(directory: Path, texts: Sequence[Input]) -> int:
    """Bytes by which a process has grown that loaded a version and answered texts.

    Args:
        directory: of the version.
        texts: answered one by one and then all in one batch, on one thread.

    Raises:
        ExportError: the process failed.
    """
    spelt = [text if isinstance(text, str) else [text.text, text.text_pair] for text in texts]
    done = subprocess.run(  # noqa: S603  this module
        [sys.executable, "-m", "export.measure.memory", str(directory)],
        input=json.dumps(spelt),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ExportError(f"{directory} cannot be loaded by itself: {done.stderr[-500:]}")
    return int(done.stdout)


def main() -> None:
    """See the module."""
    texts = [
        text if isinstance(text, str) else Pair(*text) for text in json.loads(sys.stdin.read())
    ]
    before = _resident()
    model = Classifier.load(Path(sys.argv[1]))
    for text in texts:
        one_batch(model, [text])
    one_batch(model, texts)
    print(_resident() - before)  # noqa: T201  its answer


def _resident() -> int:
    """Bytes in memory now; where no file says it, the most so far."""
    if STATM.exists():
        return int(STATM.read_text().split()[1]) * resource.getpagesize()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT


if __name__ == "__main__":
    main()
