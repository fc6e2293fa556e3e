"""What the service says of texts: the published files, read by the service's own runtime."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from tqdm.auto import tqdm

from export.errors import ExportError
from service.repository.sections import Windows
from service.runtime.framing import NoRoom
from service.runtime.model import Input
from service.runtime.tasks.classification import Classifier, of_inputs
from service.runtime.tokenizer import Tokenizer
from training.data.inputs import shown
from training.data.texts import are_pairs

BATCH = 16
AT_ONCE = 1024  # pairs that are looked at together
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
    starts = range(0, len(texts), batch)
    return np.concatenate(
        [
            one_batch(classifier, texts[start : start + batch], batch)
            for start in tqdm(starts, desc=title, disable=len(starts) < LONG_RUN)
        ]
    )


def one_batch(classifier: Classifier, texts: Sequence[Input], most: int | None = None) -> Logits:
    """The logits of texts that are run together, (texts, labels).

    Args:
        most: windows that are padded together; None: all of them.
    """
    windows = classifier.manifest.windows
    items = classifier.encode(texts, windows)
    every = [window for item in items for window in item.windows]
    most = most or len(every)
    parts = [every[first : first + most] for first in range(0, len(every), most)]
    logits = np.concatenate([classifier.logits(part) for part in parts])
    return of_inputs(items, logits, windows)


def refuse_no_room(
    whose: str,
    tokenizer: Tokenizer,
    texts: Sequence[Input],
    windows: Windows | None,
    numbers: Sequence[int] | None = None,
) -> None:
    """Raises ExportError, which says which, where a pair cannot be read: one text fills all.

    Args:
        whose: the texts are, or the model is, for the message.
        windows: how what is too long is read.
        numbers: of the texts, for the message; None: from 1 on.
    """
    if not are_pairs(texts):
        return
    for start in range(0, len(texts), AT_ONCE):
        part = texts[start : start + AT_ONCE]
        try:
            tokenizer.encode(part, windows)
        except NoRoom as error:
            place = start + part.index(error.input)
            number = place + 1 if numbers is None else numbers[place]
            raise ExportError(
                f"{whose}: text {number}, {shown(error.input, 40)}, cannot be read: {error}; "
                "shorten it, or leave it out"
            ) from None
