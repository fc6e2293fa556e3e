"""The tasks that can be exported."""

from typing import Any

from export.errors import ExportError
from export.tasks.classification import ClassificationExport
from export.tasks.embedding import EmbeddingExport
from export.tasks.tagging import TaggingExport
from export.tasks.task import ExportTask
from training.models.checkpoints.checkpoint import Checkpoint
from training.problem import Task

AnyTask = ExportTask[Any, Any, Any]  # a checkpoint tells which, when it is read

TASKS: dict[Task, AnyTask] = {
    "text-classification": ClassificationExport(),
    "feature-extraction": EmbeddingExport(),
    "token-classification": TaggingExport(),
}


def task_for(checkpoint: Checkpoint) -> AnyTask:
    """What exports a checkpoint.

    Raises:
        ExportError: nothing does.
    """
    if checkpoint.task not in TASKS:
        raise ExportError(
            f"{checkpoint.source} is for {checkpoint.task}, which there is no export of: there is "
            f"of {', '.join(TASKS)}"
        )
    return TASKS[checkpoint.task]
