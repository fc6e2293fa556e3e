"""What a staged model says of texts, as a stage of its own: judged and measured by one reading."""

from pathlib import Path

import numpy as np

from export.compress.exporting import Staged
from export.compress.reads import SERVED
from export.measure.served import Logits, served_logits
from export.measure.timing import processor
from export.stages.engine import Workshop
from export.stages.keys import ran_by
from service.runtime.tasks.classification import Classifier
from training.data.labelled import LabelledText

LOGITS = "logits.npy"


def answers(staged: Staged, model: Classifier, data: LabelledText, shop: Workshop) -> Logits:
    """The logits of all texts, (texts, labels); those of an earlier look where there was one.

    Args:
        model: the staged one, in memory.
    """
    reads = {
        "model": model.manifest.fingerprint,
        "texts": data.sha256,
        "hardware": processor(),
        "code": ran_by("export.measure", *SERVED),
    }

    def write(folder: Path) -> None:
        np.save(folder / LOGITS, served_logits(model, data.texts, title=staged.title))

    told = f"ask {staged.title} about {len(data):,} texts"
    made = shop.stage("answers", told, reads, write, part=True)
    found: Logits = np.load(made.folder / LOGITS)
    return found
