"""How tokens become entities, whatever their labels are called, and how sure a model is of them."""

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers.pipelines.token_classification import AggregationStrategy

from service.runtime.model import Place
from service.runtime.tasks.entities import Aggregation, Tokens, entities_of, least_sure
from service.runtime.tasks.outputs import Classification
from service.runtime.tasks.tagging import Tagging
from tests.service.runtime.tagging.families import bert

ODD = ("O", "B-PER", "I-PER", "PER", "S-PER", "B-O", "a-b-c", "-", "B-", "I-LOC")
LABELS = ("O", "B-PER", "I-PER", "B-LOC")


@given(
    said=st.lists(
        st.tuples(st.lists(st.integers(0, 9), min_size=10, max_size=10), st.booleans()),
        max_size=8,
    )
)
def test_odd_labels_are_grouped_as_transformers_does(said: list[tuple[list[int], bool]]) -> None:
    """By its own `aggregate`, of any probabilities and any words."""
    pipeline = bert(ODD).pipeline()
    rows = np.array([row for row, _ in said], np.float32).reshape(len(said), len(ODD))
    rows = np.exp(rows) / np.exp(rows).sum(axis=1, keepdims=True)
    places = [Place(2 * at, 2 * at + 1, "x", on) for at, (_, on) in enumerate(said)]
    ours = Tokens(rows, places, ODD, pipeline.tokenizer.convert_tokens_to_string)
    theirs = [
        {"word": place.word, "scores": row, "start": place.start, "end": place.end,
         "index": at, "is_subword": place.continues}
        for at, (place, row) in enumerate(zip(places, rows, strict=True))
    ]  # fmt: skip
    for aggregation in get_args(Aggregation):
        expected = pipeline.aggregate(theirs, AggregationStrategy(aggregation))
        expected = [one for one in expected if label_of(one) != "O"]
        found = entities_of(ours, aggregation)
        assert [(one.label, one.start, one.end, one.word) for one in found] == [
            (label_of(one), one["start"], one["end"], one["word"]) for one in expected
        ]
        scores = [float(one["score"]) for one in expected]
        assert [one.score for one in found] == pytest.approx(scores, rel=1e-5)


def label_of(entity: dict[str, Any]) -> str:
    """Of an entity of the pipeline."""
    return str(entity.get("entity_group") or entity.get("entity") or "")


def tagging(*tokens: tuple[int, float]) -> Tagging:
    """Tokens of one letter each, with a label and its probability."""
    rows = np.zeros((len(tokens), len(LABELS)), np.float32)
    for at, (label, score) in enumerate(tokens):
        rows[at] = (1 - score) / (len(LABELS) - 1)
        rows[at, label] = score
    places = [Place(at, at + 1, "x", continues=False) for at in range(len(tokens))]
    return Tagging(rows, places, 1.0, 1, "".join)


@pytest.mark.parametrize(
    ("tokens", "sure"),
    [
        ([(0, 0.6), (1, 0.9), (2, 0.7), (0, 0.6), (3, 0.95)], 0.8),
        ([(1, 0.9), (1, 0.7)], 0.7),
        ([(0, 0.99), (0, 0.55)], 0.55),
        ([], 1.0),
    ],
)
def test_confidence(tokens: list[tuple[int, float]], sure: float) -> None:
    """That of the least sure entity; without any, of the least sure token."""
    said = tagging(*tokens)
    assert least_sure(tokens_of(said)) == pytest.approx(sure)


@given(
    said=st.lists(
        st.tuples(st.integers(0, 3), st.floats(0.5, 1, width=32), st.booleans()), max_size=8
    ),
    aggregation=st.sampled_from(get_args(Aggregation)),
)
def test_confidence_is_the_least_score_of_what_is_told(
    said: list[tuple[int, float, bool]], aggregation: Aggregation
) -> None:
    """By each aggregation, of tokens or of words; 1 where there is nothing to tell of."""
    made = tagging(*[(label, score) for label, score, _ in said])
    places = [
        place._replace(continues=on) for place, (*_, on) in zip(made.places, said, strict=True)
    ]
    tokens = tokens_of(made)._replace(places=places)
    entities = entities_of(tokens, aggregation)
    sure = least_sure(tokens, aggregation)
    if entities:
        assert sure == pytest.approx(min(one.score for one in entities))
    else:
        # Of none: of the tokens, or words, themselves.
        each = entities_of(tokens, "none", ()) if aggregation in ("none", "simple") else None
        assert each is None or sure == min([one.score for one in each], default=1.0)
        assert 0 <= sure <= 1


def tokens_of(said: Tagging) -> Tokens:
    """What it said, for the functions of entities."""
    return Tokens(said.probabilities, said.places, LABELS, said.spell)


def test_what_it_says() -> None:
    """The labels of its entities, each once; in one word where there are several."""
    two = tagging((1, 0.9), (2, 0.9), (0, 0.9), (3, 0.9), (1, 0.9))
    assert two.said(LABELS) == ("PER", "LOC")
    assert two.word(LABELS) == "several"
    assert tagging((2, 0.9)).said(LABELS) == ("PER",)
    assert tagging((2, 0.9)).word(LABELS) == "PER"
    assert tagging((0, 0.9)).said(LABELS) == ()
    assert tagging((0, 0.9)).word(LABELS) == "none"


def test_who_agrees() -> None:
    """The same entities, whatever the scores and whoever's order the labels are in."""
    turned = ("I-PER", "O", "B-LOC", "B-PER")
    one = tagging((1, 0.9), (2, 0.9), (0, 0.9))
    assert one.agrees(LABELS, tagging((3, 0.6), (0, 0.6), (1, 0.6)), turned)
    assert not one.agrees(LABELS, tagging((1, 0.9), (0, 0.9), (0, 0.9)), LABELS)
    assert not one.agrees(LABELS, tagging((3, 0.9), (0, 0.9), (0, 0.9)), LABELS)
    assert not one.agrees(LABELS, Classification([1.0], [1.0], 1.0, None), LABELS)
