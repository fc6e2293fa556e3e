"""What the service says of texts: the published files, read by the service's own runtime."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from tqdm.auto import tqdm

from service.runtime.tasks.classification import Classifier

BATCH = 16
LONG_RUN = 200  # batches that take long enough to be worth a bar

Logits = npt.NDArray[np.float32]


def served_logits(
    classifier: Classifier, texts: Sequence[str], *, batch: int = BATCH, title: str = "served"
) -> Logits:
    """The exported model's logits, in padded batches as a service would run them.

    Args:
        batch: how many texts are padded together; with 1 there is no padding.

    Returns:
        (texts, labels).
    """
    starts = range(0, len(texts), batch)
    return np.concatenate(
        [
            classifier.logits(classifier.tokenizer.encode(list(texts[start : start + batch])))
            for start in tqdm(starts, desc=title, disable=len(starts) < LONG_RUN)
        ]
    )
