"""What a model's name means: a path, a model of a repository, or a hub id; whatever its task."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from export.errors import ExportError
from service.errors import UnknownModel
from service.repository.editing import find, place_of
from service.repository.manifest import FILE_NAME, read_manifest
from training.errors import CheckpointError
from training.models.checkpoints.checkpoint import task_at
from training.problem import Task

Opened = TypeVar("Opened")


def opened(
    name: str,
    root: Path,
    version: Callable[[Path], Opened],
    checkpoint: Callable[[str], Opened],
) -> Opened:
    """Opens what `name` means: a path, a model of the repository at `root`, or a hub id.

    A path is that of a version, of a model, whose newest version it means, or of a checkpoint.

    Args:
        version: opens the directory of a published version.
        checkpoint: opens a checkpoint's directory or hub id.

    Raises:
        CheckpointError, RepositoryError: it cannot be read.
        ExportError: nothing is called so.
    """
    path = Path(name)
    if (path / FILE_NAME).is_file():
        return version(path.resolve())
    if any(path.glob(f"[0-9]*/{FILE_NAME}")):  # all versions of a model
        return version(place_of(path.parent, find(path.parent, path.name)).resolve())
    if path.exists():
        return checkpoint(name)
    try:
        return version(place_of(root, find(root, name)).resolve())
    except UnknownModel as unknown:
        if name.count("/") != 1 or name.startswith((".", "/")):  # no hub id
            raise ExportError(f"{unknown}; and there is no checkpoint at {name}") from unknown
        try:
            return checkpoint(name)
        except CheckpointError as error:
            raise ExportError(f"{unknown}; and {error}") from error


def task_of_model(name: str, root: Path) -> Task:
    """What a model is for; its weights are not read.

    Raises:
        CheckpointError, RepositoryError, ExportError: as `opened`.
    """
    return opened(name, root, lambda directory: read_manifest(directory).task, task_at)
