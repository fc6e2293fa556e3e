"""How a request wants long texts read, in all dialects alike."""

from typing import Literal

from service.api.schemas import WindowsWish
from service.repository.sections import Windows


def windows_of(wish: WindowsWish | None) -> Windows | Literal[False] | None:
    """As `Ask.windows` has it: None where nothing is asked, False where a text is to be cut."""
    if wish is None:
        return None
    return Windows(stride=wish.stride, pooling=wish.pooling or "mean") if wish else False
