"""Tests of which label each token has."""

from tests.tiny import tiny_hub_tokenizer
from training.data.tags.tagged import Span, labels_of
from training.data.tags.tokens import Later, label_tokens
from training.models.checkpoints.reading import Reading
from training.problem import UNLABELLED

LABELS = labels_of(("per", "place"))


def told(text: str, *spans: Span, later: Later = "all", max_length: int = 32) -> list[str]:
    """The labels of a text's tokens, - where there is none; and how many entities are lost."""
    (item,) = Reading(tiny_hub_tokenizer(), max_length, 0).tokenizer.encode([text], placed=True)
    found = label_tokens(text, item.places or (), spans, LABELS, later)
    names = ["-" if one == UNLABELLED else LABELS[one] for one in found.labels]
    return [*names, str(found.lost)]


def test_entities_begin_once() -> None:
    """B- on an entity's first token, I- on all others of it; two that touch are two."""
    text = "the abc film, ab"  # [CLS] the a ##b ##c film , a ##b [SEP]
    spans = (Span(4, 12, "per"), Span(14, 16, "place"))
    assert told(text, *spans) == [
        *("-", "O", "B-per", "I-per", "I-per", "I-per", "O", "B-place", "I-place", "-", "0")
    ]
    touching = told("abab", Span(0, 2, "per"), Span(2, 4, "per"))
    assert touching == ["-", "B-per", "I-per", "B-per", "I-per", "-", "0"]


def test_later_tokens_of_a_word() -> None:
    """They are not learnt where the recipe says so, unless an entity begins there."""
    assert told("abc", Span(0, 3, "per"), later="first") == ["-", "B-per", "-", "-", "-", "0"]
    inside = told("abc the", Span(1, 3, "per"), later="first")
    assert inside == ["-", "O", "B-per", "-", "O", "-", "0"]


def test_what_is_cut_off_is_counted() -> None:
    """An entity behind the last token is lost."""
    found = told("the the the film", Span(12, 16, "per"), max_length=4)
    assert found == ["-", "O", "O", "-", "1"]
