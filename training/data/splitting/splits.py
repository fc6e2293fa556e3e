"""Which texts train a model, and which choose, fit and measure it: each has one use.

Held out are whole texts, so many of each label as its share asks for. A set such as SST-2 holds
phrases of the same sentences: what is a part of another text is not held out while there are
others, and what equals or is a part of one that is held out leaves train. Of pairs the pair is the
text, and those of one first text are held out together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.runtime.model import Input
from training.data.labelled import LabelledText
from training.data.splitting.groups import draw_groups, groups_of, tell_shared
from training.data.splitting.overlap import TELLING, HeldOut
from training.data.splitting.search import Finder
from training.data.splitting.spans import Places, Spans, chunks, keys_of
from training.data.splitting.strata import allocate, drawn_pool, strata_of
from training.errors import DataError
from training.recipe.data import Data
from training.telling import tell

SHARE, MOST = 0.08, 1000  # of the texts, for each set, where the recipe gives no size
FEW, SHARE_OF_FEW = 50, 0.12  # but so many, or this share where texts are few
SPARE = 4  # texts that are looked at for each that is held out
SETS = 3
PART, SHORT, WHOLE = range(3)


@dataclass(frozen=True)
class Split:
    """Four sets that share no text, nor a near-copy of one.

    Attributes:
        train: what models learn from.
        choose: chooses checkpoints and settings.
        fit: fits temperature, thresholds, INT8 ranges and cascades.
        measure: is reported and chooses nothing: the test set, where there is one.
    """

    train: LabelledText
    choose: LabelledText
    fit: LabelledText
    measure: LabelledText

    @property
    def held_out(self) -> HeldOut:
        """All that may not be learnt from."""
        return HeldOut([*self.choose.texts, *self.fit.texts, *self.measure.texts])

    @property
    def pairs(self) -> bool:
        """Whether each text is a pair."""
        return self.train.pairs


def split(data: LabelledText, test: LabelledText | None, spec: Data) -> Split:
    """Splits a set; the same rows, test set and recipe give the same split in every process.

    Args:
        test: to measure on; texts of `data` that equal one of them are left out. None: the texts
            to measure on are held out of `data` too.

    Raises:
        DataError: there are too few texts, or nothing is left to train on.
    """
    sets = split_rows(data, None if test is None else test.texts, spec)
    train, choose, fit, *measure = (data.select(rows) for rows in sets)
    return Split(train, choose, fit, test if test is not None else measure[0])


def split_rows(data: LabelledText, test: Sequence[Input] | None, spec: Data) -> list[Places]:
    """The rows of `data` to train on, to choose and to fit by, and without a test set to measure.

    Args:
        test: the texts of the test set.

    Raises:
        DataError: as `split`.
    """
    rows = np.arange(len(data))
    if test is not None:
        rows = np.flatnonzero(~HeldOut(test).equal(data.texts))
        if not len(rows):
            raise DataError(
                f"all {len(data)} texts to train on are in the test set too: give a test set of "
                "others, or none, and some are held out to measure on"
            )
        if len(rows) < len(data):
            tell(
                f"train: {len(data) - len(rows)} of {len(data)} texts are in the test set too, "
                "and are left out"
            )
        tell_shared(data.select(rows), test)
    data = data.select(rows)
    firsts = _firsts(data)
    sets = _held_out(data, firsts, spec, measured=test is None)
    train = _without(data, [data.select(rows) for rows in sets])
    return [rows[places] for places in (train, *map(np.sort, sets))]


def _firsts(data: LabelledText) -> Places:
    """The first row of each text, its near-copies left out; in the order of the rows."""
    _, firsts = np.unique(keys_of(data.texts), return_index=True)
    return np.sort(firsts)


def _held_out(data: LabelledText, firsts: Places, spec: Data, *, measured: bool) -> list[Places]:
    """Rows for each set, near to each label's share."""
    strata = strata_of(data, firsts)
    order = np.random.default_rng(spec.seed).permutation(len(firsts))
    labels = int((strata.counts > 0).sum())
    sizes = _sizes(spec, len(firsts), labels, measured=measured)
    if sum(sizes) >= len(firsts):
        raise _too_few(sizes, len(firsts))
    if (groups := groups_of(data, firsts)) is not None:
        return _whole_groups(data, firsts, groups, sizes, spec.seed)
    size = SPARE * sum(sizes)
    while True:
        pool = drawn_pool(strata, order, size, least=SPARE * SETS)
        whole = _are_whole(data, firsts[pool])
        # The default follows the texts that can be held out, which of phrases are few.
        n = round(len(firsts) * float(np.mean(whole > PART)))
        sizes = _sizes(spec, n, labels, measured=measured)
        # What few words say may be a part of anything; it is taken where nothing else is.
        found = np.concatenate([pool[whole == WHOLE], pool[whole == SHORT]])
        if len(found) >= sum(sizes) < n:
            break
        if len(pool) == len(firsts):
            raise _too_few(sizes, len(found))
        size *= SPARE
    table = strata.table(data, firsts[found], found)
    return [firsts[found[places]] for places in allocate(table, strata, sizes)]


def _whole_groups(
    data: LabelledText, firsts: Places, groups: Places, sizes: list[int], seed: int
) -> list[Places]:
    """Rows for each set, those of one first text in the same."""
    n = int(groups.max()) + 1
    if n <= len(sizes):
        raise DataError(
            f"{len(firsts)} pairs have only {n} different first texts, and those of one go to one "
            f"set together: {len(sizes) + 1} are needed, to train and to hold out"
        )
    tell(f"pairs of one first text go to one set together: {len(firsts)} pairs of {n} first texts")
    table = strata_of(data, firsts).table(data, firsts, np.arange(len(firsts)))
    return [firsts[rows] for rows in draw_groups(table, groups, sizes, seed)]


def _sizes(spec: Data, n: int, labels: int, *, measured: bool) -> list[int]:
    """How many of `n` texts are held out to choose, to fit and, if so, to measure by."""
    usual = min(MOST, max(round(SHARE * n), min(FEW, round(SHARE_OF_FEW * n))))
    usual = max(1, usual, min(labels, round(SHARE_OF_FEW * n)))
    given = [spec.choose_size, spec.fit_size, *([spec.measure_size] if measured else [])]
    return [usual if size is None else size for size in given]


def _too_few(sizes: list[int], n: int) -> DataError:
    names = ("choose_size", "fit_size", "measure_size")[: len(sizes)]
    return DataError(
        f"{' + '.join(map(str, sizes))} texts cannot be held out of {n} different whole ones: "
        f"lower {', '.join(f'data.{name}' for name in names)}, or give more texts"
    )


def _are_whole(data: LabelledText, rows: Places) -> Places:
    """Of each row whether its text is `WHOLE`, `SHORT` or `PART` of a longer one."""
    texts = Spans.joined([data.texts[row] for row in rows.tolist()])
    finder = Finder(texts)
    is_part = np.zeros(len(rows), np.bool_)
    for _, spans in chunks(data.texts):
        is_part[finder.within(spans, shorter=True)[0]] = True
    is_short = texts.lengths < np.where(texts.unspaced, 2 * TELLING, TELLING)
    return np.where(is_part, np.where(is_short, SHORT, PART), WHOLE)


def _without(data: LabelledText, sets: list[LabelledText]) -> Places:
    """The rows that are left to train on: none that is held out, nor a part of it."""
    held_out = HeldOut([text for one in sets for text in one.texts])
    rows = np.flatnonzero(~held_out.parts(data.texts))
    if not len(rows):
        raise DataError(
            "nothing is left to train on: lower data.choose_size, data.fit_size and "
            "data.measure_size"
        )
    others = len(data) - len(rows) - sum(map(len, sets))
    if others:
        tell(f"train: {others} texts that equal or are part of held-out ones are left out")
    return rows
