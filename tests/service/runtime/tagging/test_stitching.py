"""Windows of one text, each with what it said of its tokens, put together."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from service.repository.sections import Windows
from service.runtime.model import Place
from service.runtime.tasks.loading import load_model
from service.runtime.tasks.tagging import Tagging
from tests.service.builders import publish_tagger
from tests.service.runtime.tagging.families import bert

LABELS = 3


def windows_of(tokens: int, size: int, stride: int) -> list[range]:
    """Which tokens each window has."""
    starts = [0]
    while starts[-1] + size < tokens:
        starts.append(starts[-1] + size - stride)
    return [range(start, min(start + size, tokens)) for start in starts]


def said(window: range, number: int) -> Tagging:
    """Probabilities that tell the window and the token."""
    rows = np.array([[token, number, 0] for token in window], np.float32)
    places = [Place(token, token + 1, "x", continues=False) for token in window]
    return Tagging(rows, places, 0.5, 1, "".join)


def farthest(windows: Sequence[range], token: int) -> int:
    """The window in which a token stands farthest from where the text goes on."""

    def room(number: int) -> float:
        window = windows[number]
        before = token - window.start if number else float("inf")
        after = window.stop - 1 - token if number + 1 < len(windows) else float("inf")
        return min(before, after)

    return max((n for n, window in enumerate(windows) if token in window), key=room)


@pytest.mark.parametrize("size", [2, 5, 8])
def test_each_token_once_from_its_best_window(size: int) -> None:
    """Whatever the windows' size and what they share."""
    tagger = bert().tagger()
    for stride in range(size):
        for tokens in range(size + 1, 5 * size):
            windows = windows_of(tokens, size, stride)
            outputs = [said(window, number) for number, window in enumerate(windows)]
            items = tagger.encode(["x"])
            found = tagger.joined(items[0], outputs, Windows(stride=stride))
            assert found.probabilities[:, 0].tolist() == list(range(tokens))
            assert [place.start for place in found.places] == list(range(tokens))
            best = [farthest(windows, token) for token in range(tokens)]
            assert found.probabilities[:, 1].tolist() == best, (size, stride, tokens)


def test_a_long_text_is_tagged_as_by_a_model_that_reads_it_whole(tmp_path: Path) -> None:
    """Where what stands beside a word is nothing to the model, its windows say the same."""
    long = load_model(publish_tagger(tmp_path, "long", max_length=200))
    short = load_model(publish_tagger(tmp_path, "short", max_length=8))
    chosen = random.Random(0)
    for words in (3, 6, 7, 12, 60):
        text = " \t".join(chosen.choices(("good", "bad", "film", "fine", "🎬"), k=words))
        (whole,) = long.run(long.encode([text]))
        for stride in (0, 1, 3, 5):
            windows = Windows(stride=stride)
            (item,) = short.encode([text], windows)
            outputs = short.run([item, *item.more])
            found = short.joined(item, outputs, windows) if item.more else outputs[0]
            assert bool(item.more) == (words > 6)
            assert found.agrees(short.manifest.labels, whole, long.manifest.labels)
            assert isinstance(found, Tagging)
            assert isinstance(whole, Tagging)
            assert found.places == whole.places
            assert found.confidence == pytest.approx(whole.confidence)
            assert found.probabilities == pytest.approx(whole.probabilities)
