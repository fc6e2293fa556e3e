"""Prompts: what is said once, what is repeated, and what is text."""

from pathlib import Path

import pytest

from service.runtime.model import Pair
from training.errors import DataError
from training.label.prompt import Prompt, Shot, named_words, read_template

LABELS = ("negative", "positive")
TEMPLATE = "Say {labels}.\n\nBe brief.\n\nText: {text}\nLabel:\n"


def test_examples_repeat_the_last_part_alone() -> None:
    """Blanks of texts are made even; the word follows a space."""
    shots = (Shot("a  dull\nplot", "bad"), Shot("a warm plot", "good"))
    prompt = Prompt(TEMPLATE, LABELS, ("bad", "good"), shots)
    assert prompt.plain("a film") == (
        "Say bad or good.\n\nBe brief.\n\nText: a dull plot\nLabel: bad\n\n"
        "Text: a warm plot\nLabel: good\n\nText: a film\nLabel:"
    )
    assert prompt.turns("a film") == [
        {"role": "user", "content": "Say bad or good.\n\nBe brief.\n\nText: a dull plot\nLabel:"},
        {"role": "assistant", "content": "bad"},
        {"role": "user", "content": "Text: a warm plot\nLabel:"},
        {"role": "assistant", "content": "good"},
        {"role": "user", "content": "Text: a film\nLabel:"},
    ]


def test_a_place_in_a_text_is_text() -> None:
    """A text may hold braces, and the names of places."""
    prompt = Prompt("{labels}? {text} / {text_pair} =", LABELS, ("a", "b"))
    assert prompt.plain(Pair("{text_pair}", "{labels} {text}")) == (
        "a or b? {text_pair} / {labels} {text} ="
    )


def test_prompts_that_cannot_be_asked_are_refused(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(DataError, match=r"no \{text\}"):
        Prompt("Label:", LABELS, LABELS)
    with pytest.raises(DataError, match="two labels"):
        Prompt("{text}", ("one",), ("one",))
    (tmp_path / "p.txt").write_text("{text} is {label}")
    with pytest.raises(DataError, match="follows the end"):
        read_template(tmp_path / "p.txt")
    with pytest.raises(DataError, match="no prompt"):
        read_template(tmp_path / "none.txt")


def test_a_label_is_its_own_word() -> None:
    """Unless another is given; words of other labels are refused."""
    assert named_words({"positive": "great"}, LABELS) == (LABELS, ("negative", "great"))
    assert named_words({"b": "x", "a": "a"}, None) == (("b", "a"), ("x", "a"))
    with pytest.raises(DataError, match="neutral"):
        named_words({"neutral": "so-so"}, LABELS)
