"""A tagger's version from disk: what is no tagger is refused, and what it says is finite."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from service.errors import RepositoryError
from service.runtime.engine import Node
from service.runtime.tasks.loading import load_model
from service.runtime.tasks.tokens import Tagger
from tests.service.builders import publish_tagger, sum_graph

FloatArray = npt.NDArray[np.float32]


def test_a_graph_of_another_task_is_refused(tmp_path: Path) -> None:
    """By the shape that it gives."""
    directory = publish_tagger(tmp_path, graph=sum_graph)
    with pytest.raises(RepositoryError, match=r"tagger/1: 1 texts give .* not \(1, 3, 5\)"):
        load_model(directory)


def test_a_temperature_makes_it_less_sure(tmp_path: Path) -> None:
    """Each token's logits are divided by it."""
    texts = ["good", "good film"]
    probabilities = []
    for number, temperature in enumerate((1.0, 2.0), start=1):
        tagger = load_model(publish_tagger(tmp_path, version=number, temperature=temperature))
        assert isinstance(tagger, Tagger)
        outputs = tagger.run(tagger.encode(texts))
        probabilities.append([one.entities(tagger.manifest.labels)[0].score for one in outputs])
        assert [one.confidence for one in outputs] == [
            min(entity.score for entity in one.entities(tagger.manifest.labels)) for one in outputs
        ]
    cold, warm = probabilities
    assert cold == pytest.approx([np.exp(3) / (np.exp(3) + 4)] * 2)
    assert warm == pytest.approx([np.exp(1.5) / (np.exp(1.5) + 4)] * 2)


class Fixed:
    """A session that gives the same logits for whatever it is fed."""

    def __init__(self, logits: FloatArray) -> None:
        self._logits = logits

    def get_inputs(self) -> Sequence[Node]:
        """None is looked at."""
        return ()

    def run(self, *_: object) -> Sequence[FloatArray]:
        """The logits."""
        return [self._logits]


def broken(logits: FloatArray, token: int) -> FloatArray:
    """Logits of which the last text's token has none."""
    found = logits.copy()
    found[-1, token] = np.nan
    return found


def test_numbers_that_are_none_fail_the_text(tmp_path: Path) -> None:
    """An answer is no answer; what stands in the padding does not matter."""
    tagger = load_model(publish_tagger(tmp_path))
    assert isinstance(tagger, Tagger)
    items = tagger.encode(["good good good", "bad"])
    logits = tagger.logits(items)

    fails = Tagger(tagger.manifest, tagger.tokenizer, Fixed(broken(logits, 1)))
    with pytest.raises(ValueError, match="not finite"):
        fails.run(items)
    padded = Tagger(tagger.manifest, tagger.tokenizer, Fixed(broken(logits, 4)))
    with np.errstate(invalid="ignore"):
        assert len(padded.run(items)) == 2
