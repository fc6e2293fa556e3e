"""A candidate in the search: how far it came, what was found of it, and why it was left."""

from export.compress.candidates.trainee import Trainee
from export.compress.search.judging import Judged


class Entrant:
    """One trial of a candidate.

    Args:
        place: in the order of what candidates are expected to cost, the cheapest first.

    Attributes:
        judged: its exported files; none until it is trained whole.
        why: it was left; None: it was not.
        note: what is to be known of its result.
        error: what made it fail.
    """

    def __init__(self, trainee: Trainee, place: int) -> None:
        self.trainee = trainee
        self.place = place
        self.judged: tuple[Judged, ...] = ()
        self.why: str | None = None
        self.note: str | None = None
        self.error: Exception | None = None

    @property
    def name(self) -> str:
        """The candidate's, and what the trial changes."""
        return self.trainee.name

    @property
    def quality(self) -> float:
        """On the texts that choose, of the best checkpoint so far; 0 before there is one."""
        return self.trainee.progress.quality if self.trainee.progress else 0.0

    @property
    def share(self) -> float:
        """Of its schedule, that it has trained."""
        return self.trainee.progress.share if self.trainee.progress else 0.0

    @property
    def is_open(self) -> bool:
        """Whether it is still in the running."""
        return self.why is None and self.error is None
