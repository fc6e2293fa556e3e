"""An unfinished run's directory: what it was made from, and how far it came."""

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from training.code import code_sha256
from training.errors import CheckpointError
from training.loop.key import CODE
from training.recipe.recipe import Recipe

FILE_NAME = "made-from.json"
TORCH_WRITES = ("PytorchStreamWriter", "inline_container")  # where torch could not write a file


def begin(run: Path, recipe: Recipe, parts: dict[str, str]) -> None:
    """Notes what a run is made from, or checks that it still is.

    Args:
        run: the directory, which may not be there.
        recipe: that runs, for whoever looks into the directory.
        parts: see `training.loop.key.run_parts`.

    Raises:
        CheckpointError: what it was made from has changed.
    """
    now = {**parts, "code": code_sha256(*CODE)}
    if last_complete(run) is not None:
        _check(run, now)
    run.mkdir(parents=True, exist_ok=True)
    (run / "recipe.toml").write_text(recipe.to_toml(), encoding="utf-8")
    (run / FILE_NAME).write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")


def last_complete(run: Path) -> str | None:
    """The Trainer's newest checkpoint; one that it was killed while writing does not count."""
    found = [path.parent for path in run.glob("checkpoint-*/trainer_state.json")]
    return str(max(found, key=lambda path: int(path.name.split("-")[1]))) if found else None


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Raises OSError, whatever library it was that could not write to `place`."""
    try:
        yield
    except SafetensorError as error:
        raise OSError(errno.EIO, str(error), str(place)) from error
    except RuntimeError as error:
        if not any(one in str(error) for one in TORCH_WRITES):
            raise
        raise OSError(errno.EIO, str(error).splitlines()[0], str(place)) from error


def _check(run: Path, now: dict[str, str]) -> None:
    try:
        before = json.loads((run / FILE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = {}
    if changed := [name for name in now if before.get(name) != now[name]]:
        raise CheckpointError(
            f"the unfinished run at {run} was made from another {' and '.join(changed)}: what it "
            "learnt cannot be gone on with, so remove that directory, or put back what changed"
        )
