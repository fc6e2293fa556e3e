"""Which tagged texts train a model, and which choose, fit and measure it: each has one use."""

from dataclasses import dataclass

from training.data.splitting.overlap import HeldOut
from training.data.splitting.splits import split_rows
from training.data.tags.loading import load_tagged_text
from training.data.tags.tagged import TaggedText
from training.recipe.data import Data


@dataclass(frozen=True)
class TaggedSplit:
    """Four sets that share no text, nor a near-copy of one; see `splitting.splits.Split`."""

    train: TaggedText
    choose: TaggedText
    fit: TaggedText
    measure: TaggedText

    @property
    def held_out(self) -> HeldOut:
        """All that may not be learnt from."""
        return HeldOut([*self.choose.texts, *self.fit.texts, *self.measure.texts])


def load_tagged_split(data: Data, types: tuple[str, ...] | None = None) -> TaggedSplit:
    """Reads the sets of a recipe and splits them, the texts of each entity type by its share.

    Args:
        types: a teacher's, in its order; None: what the recipe says, or the data's own.

    Raises:
        DataError: a source, a row or a label cannot be used, or there are too few texts.
    """
    whole = load_tagged_text(data.train_source, data, "train", types)
    test = None
    if data.test is not None:
        test = load_tagged_text(data.test, data, "test", whole.types)
    rows = split_rows(whole.by_type, None if test is None else test.texts, data)
    train, choose, fit, *measure = (whole.select(places) for places in rows)
    return TaggedSplit(train, choose, fit, measure[0] if test is None else test)
