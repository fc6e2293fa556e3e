"""Which columns of a source hold the texts, alone or in pairs, and the labels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from training.errors import DataError
from training.telling import tell

Found = TypeVar("Found")
TEXT_COLUMNS = ("text", "sentence", "review", "content")
LABEL_COLUMNS = ("label", "labels")
# What the sets of the hub call the two texts of a pair: GLUE's, SNLI's and MNLI's, QQP's, QNLI's,
# and those of search.
PAIR_COLUMNS = (
    ("text", "text_pair"),
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("query", "passage"),
)


@dataclass(frozen=True)
class Wanted:
    """What is asked of a source.

    Attributes:
        text: its column; None: one of `TEXT_COLUMNS`.
        text_pair: the column of the second texts; None: as `pairs` says.
        label: its column; None: one of `LABEL_COLUMNS`.
        labelled: whether a column of labels has to be there; None: it is read where it is there.
        beside: one more column that is read beside them, such as a slice to score by.
        pairs: whether an input is two texts; None: it is where the source has two columns of
            `PAIR_COLUMNS` and neither is asked for.
    """

    text: str | None = None
    label: str | None = None
    labelled: bool | None = True
    beside: str | None = None
    text_pair: str | None = None
    pairs: bool | None = None

    def choose(self, source: str, header: Sequence[str]) -> "Chosen":
        """The columns by name.

        Raises:
            DataError: one is not there, or there twice, or texts are pairs and should not be; all
                that is wrong is told at once.
        """
        wrong: dict[str, None] = {}

        def named(find: Callable[[], Found]) -> Found | None:
            try:
                return find()
            except DataError as error:
                wrong[str(error)] = None
                return None

        texts = named(lambda: self._texts(source, header))
        label = beside = None
        may_be_there = self.label is not None or any(name in header for name in LABEL_COLUMNS)
        if self.labelled or (self.labelled is None and may_be_there):
            label = named(lambda: _found(source, header, self.label, LABEL_COLUMNS, "label"))
        if self.beside is not None:
            beside = named(lambda: _found(source, header, self.beside, (), "beside"))
        if wrong or texts is None:
            raise DataError("; ".join(wrong))
        text, text_pair = texts
        return Chosen(text, label, beside, text_pair)

    def _texts(self, source: str, header: Sequence[str]) -> tuple[str, str | None]:
        """The column of texts, and that of the second ones."""
        if self.text_pair is not None:
            if self.pairs is False:
                raise DataError(
                    f"{source}: the model reads single texts, and --text-pair-column asks for "
                    "pairs: leave it out, or give a model of pairs"
                )
            before = [one for one, two in PAIR_COLUMNS if two == self.text_pair and one in header]
            second = _found(source, header, self.text_pair, (), "text-pair")
            return _found(source, header, self.text or next(iter(before), None), TEXT_COLUMNS), (
                second
            )
        known = [
            (one, two)
            for one, two in PAIR_COLUMNS
            if one in header and two in header and self.text in (None, one)
        ]
        if self.pairs is None and self.text is not None:  # the one column that was asked for
            known = []
        if not known:
            if self.pairs:
                raise DataError(
                    f"{source} has columns {sorted(set(header))}, and pairs of texts are wanted: "
                    "pass --text-column and --text-pair-column, or set data.text_pair_column"
                )
            return _found(source, header, self.text, TEXT_COLUMNS), None
        one, two = known[0]
        if self.pairs is False:
            if self.text is not None:
                return _found(source, header, self.text, TEXT_COLUMNS), None
            raise DataError(
                f"{source} has pairs of texts ({one}, {two}), and the model reads single ones: "
                f"--text-column {one} reads those alone, --pairs says that the model reads pairs"
            )
        if self.pairs is None:
            tell(
                f"{source}: each text is a pair, of the columns {one} and {two} "
                f"(--text-column {one} would read the first alone)"
            )
        return _found(source, header, one, ()), _found(source, header, two, ())


@dataclass(frozen=True)
class Chosen:
    """The names of the columns that are read."""

    text: str
    label: str | None
    beside: str | None
    text_pair: str | None = None

    @property
    def names(self) -> list[str]:
        """Each once."""
        every = (self.text, self.text_pair, self.label, self.beside)
        return list(dict.fromkeys(name for name in every if name))


def _found(
    source: str,
    header: Sequence[str],
    asked: str | None,
    usual: Sequence[str],
    what: str = "text",
) -> str:
    found = asked or next((name for name in usual if name in header), None)
    if found is None or found not in header:
        option = f": pass --{what}-column, or set data.{what.replace('-', '_')}_column"
        hint = "" if what == "beside" else option
        wanted = found or " or ".join(usual)
        if not any(header):
            raise DataError(f"{source}: no rows")
        raise DataError(f"{source} has columns {sorted(set(header))}, not {wanted}{hint}")
    if list(header).count(found) > 1:
        raise DataError(f"{source} has two columns named {found!r}: rename one")
    return found
