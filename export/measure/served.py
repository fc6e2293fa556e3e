"""What the service says of texts: the published files, read by the service's own runtime."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from tqdm.auto import tqdm

from service.runtime.model import Input
from service.runtime.tasks.classification import Classifier, of_inputs

BATCH = 16
LONG_RUN = 200  # batches that take long enough to be worth a bar

Logits = npt.NDArray[np.float32]


def served_logits(
    classifier: Classifier, texts: Sequence[Input], *, batch: int = BATCH, title: str = "served"
) -> Logits:
    """The exported model's logits, in padded batches as a service would run them.

    A text that is too long is read as the manifest says: cut, or in windows.

    Args:
        batch: how many texts or windows are padded together; with 1 there is no padding.

    Returns:
        (texts, labels).
    """
    windows = classifier.manifest.windows
    starts = range(0, len(texts), batch)
    found = []
    for start in tqdm(starts, desc=title, disable=len(starts) < LONG_RUN):
        items = classifier.encode(texts[start : start + batch], windows)
        every = [window for item in items for window in (item, *item.more)]
        parts = [every[first : first + batch] for first in range(0, len(every), batch)]
        logits = np.concatenate([classifier.logits(part) for part in parts])
        found.append(of_inputs(items, logits, windows))
    return np.concatenate(found)
