"""The mark that stands for a masked word in an altered text, until a tokeniser reads it.

Of Unicode's private use area, so that no text has it.
"""

from collections.abc import Sequence

from service.runtime.model import Input
from training.data.inputs import halves

MASK = "\ue000"


def masked(texts: Sequence[Input]) -> bool:
    """Whether any of the texts has a `MASK`."""
    return any(MASK in half for text in texts for half in halves(text))
