"""What a search came to."""

from dataclasses import dataclass

from export.compress.search.entrant import Entrant
from export.compress.search.judging import Judged

OUT_OF_TIME = "the budget ended before its turn"
TOO_CHEAP = "a dearer one does not keep the promise"
CUT_SHORT = "its schedule was shortened to what the budget left"


@dataclass(frozen=True)
class Found:
    """What the search came to.

    Attributes:
        judged: all that was exported, the teacher in FP32 first; of a file of soft labels an
            encoder's time with the labels' quality.
        chosen: the cheapest of them that keeps the promise; None: none does.
        doubtful: those that are cheaper still, and lose too much by no more than the error of their
            loss, so that other texts have to tell; the cheapest first.
        entrants: all that was tried, in the order of what they cost.
    """

    judged: tuple[Judged, ...]
    chosen: Judged | None
    doubtful: tuple[Judged, ...]
    entrants: tuple[Entrant, ...]

    @property
    def unreached(self) -> int:
        """How many the budget was not enough for."""
        return sum(one.why == OUT_OF_TIME or one.note == CUT_SHORT for one in self.entrants)
