"""What the metrics of a classifier say of the texts and teachers that made it."""

from collections.abc import Sequence
from typing import Any

from training.data.splitting.splits import Split
from training.teach.lesson import Drawn
from training.teach.teachers.teacher import Teacher


def lineage_of(sets: Split, teachers: Sequence[Teacher], drawn: Drawn) -> dict[str, Any]:
    """See `training.tasks.job.Job.lineage`."""
    found: dict[str, Any] = {
        "train": {
            "n": len(sets.train),
            "transfer_n": len(drawn.transfer),
            "transfer_sha256": drawn.transfer_sha256,
            "augmented_n": len(drawn.augmented),
            "sha256": sets.train.sha256,
        },
        "choose": {"n": len(sets.choose), "sha256": sets.choose.sha256},
        "fit": {"n": len(sets.fit), "sha256": sets.fit.sha256},
    }
    if teachers:
        hashes = [teacher.sha256 for teacher in teachers]
        found["teacher_sha256"] = hashes if len(hashes) > 1 else hashes[0]
        found["label_precision"] = [teacher.precision for teacher in teachers]
    return found
