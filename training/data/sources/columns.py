"""Which columns of a source hold the texts and the labels."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.errors import DataError

TEXT_COLUMNS = ("text", "sentence", "review", "content")
LABEL_COLUMNS = ("label", "labels")


@dataclass(frozen=True)
class Wanted:
    """What is asked of a source.

    Attributes:
        text: its column; None: one of `TEXT_COLUMNS`.
        label: its column; None: one of `LABEL_COLUMNS`.
        labelled: whether a column of labels is looked for at all.
        beside: one more column that is read beside them, such as a slice to score by.
    """

    text: str | None = None
    label: str | None = None
    labelled: bool = True
    beside: str | None = None

    def choose(self, source: str, header: Sequence[str]) -> "Chosen":
        """The columns by name.

        Raises:
            DataError: one is not there, or there twice.
        """
        text = _found(source, header, self.text, TEXT_COLUMNS, "text")
        label = beside = None
        if self.labelled:
            label = _found(source, header, self.label, LABEL_COLUMNS, "label")
        if self.beside is not None:
            beside = _found(source, header, self.beside, (), "beside")
        return Chosen(text, label, beside)


@dataclass(frozen=True)
class Chosen:
    """The names of the columns that are read."""

    text: str
    label: str | None
    beside: str | None

    @property
    def names(self) -> list[str]:
        """Each once."""
        return list(dict.fromkeys(name for name in (self.text, self.label, self.beside) if name))


def _found(
    source: str, header: Sequence[str], asked: str | None, usual: Sequence[str], what: str
) -> str:
    found = asked or next((name for name in usual if name in header), None)
    if found is None or found not in header:
        hint = "" if what == "beside" else f": pass --{what}-column, or set data.{what}_column"
        wanted = found or " or ".join(usual)
        raise DataError(f"{source} has columns {sorted(set(header))}, not {wanted}{hint}")
    if list(header).count(found) > 1:
        raise DataError(f"{source} has two columns named {found!r}: rename one")
    return found
