"""What a report keeps of texts, stages and versions."""

from export.compress.soft.scored import Result


class Use(Result):
    """What a set of texts was used for.

    Attributes:
        source: where they are from, in words.
        sha256: of the rows; None where there are none.
    """

    name: str
    n: int
    used_for: str
    source: str
    sha256: str | None


class Step(Result):
    """What was done, and how long it took; `reused` from an earlier run, which took so long."""

    title: str
    key: str | None
    seconds: float
    reused: bool


class Entry(Result):
    """A version of the repository: published now, or there before and the same."""

    name: str
    version: int
    directory: str
    new: bool
