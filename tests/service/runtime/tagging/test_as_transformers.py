"""Entities are those of transformers' own pipeline: the same spans and labels."""

import warnings
from collections.abc import Callable
from typing import Any, get_args

import pytest

from service.runtime.tasks.entities import Aggregation, Entity
from service.runtime.tasks.tokens import Tagger
from tests.service.runtime.tagging.families import Family, bert, distilbert, roberta, xlmr
from tests.service.runtime.tagging.texts import TEXTS

# Of a text that is cut the tokeniser reads no more than it has to.
ALL = (*TEXTS, " ".join(TEXTS) * 3)
AGGREGATIONS: tuple[Aggregation, ...] = get_args(Aggregation)
FAMILIES: dict[str, Callable[[], Family]] = {
    "BERT": bert,
    "BERT, the front cut off": lambda: bert(side="left"),
    "DistilBERT": distilbert,
    "RoBERTa": roberta,
    "XLM-R": xlmr,
}


def theirs(family: Family, text: str, **options: Any) -> list[dict[str, Any]]:
    """What transformers' pipeline says of a text."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Tokenizer does not support real words")
        found: list[dict[str, Any]] = family.pipeline(**options)(text)
    return found


def told(entity: dict[str, Any]) -> tuple[Any, ...]:
    """What an entity of the pipeline is, its score left out."""
    label = entity.get("entity_group", entity.get("entity"))
    return label, entity["start"], entity["end"], entity["word"]


def ours(tagger: Tagger, texts: list[str], aggregation: Aggregation) -> list[list[Entity]]:
    """What ours says of texts in one batch."""
    outputs = tagger.run(tagger.encode(texts))
    return [one.entities(tagger.manifest.labels, aggregation) for one in outputs]


@pytest.mark.parametrize("name", FAMILIES)
def test_alone_and_in_a_batch(name: str) -> None:
    """Whatever the texts are made of, at the limit and beyond it, by every aggregation."""
    family = FAMILIES[name]()
    tagger = family.tagger()
    seen: set[str] = set()
    for aggregation in AGGREGATIONS:
        together = ours(tagger, list(ALL), aggregation)
        for text, batched in zip(ALL, together, strict=True):
            expected = theirs(family, text, aggregation_strategy=aggregation)
            (alone,) = ours(tagger, [text], aggregation)
            for found in (alone, batched):
                assert [(one.label, one.start, one.end, one.word) for one in found] == [
                    told(one) for one in expected
                ], (aggregation, text)
                scores = [one["score"] for one in expected]
                assert [one.score for one in found] == pytest.approx(scores, abs=1e-4)
            seen |= {one.label for one in alone}
    kinds = {label.removeprefix("B-").removeprefix("I-") for label in tagger.manifest.labels}
    assert seen >= kinds - {"O"}  # no empty promise


@pytest.mark.parametrize("name", ["BERT", "RoBERTa", "XLM-R"])
def test_special_tokens_that_are_parsed(name: str) -> None:
    """What transformers does with one that somebody typed, where the manifest says so."""
    family = FAMILIES[name]()
    tagger = family.tagger("parsed")
    for text in ("good [SEP] the </s>film", "a [UNK]bad<unk> plot [CLS]", "<s>x[PAD] <pad>"):
        for aggregation in AGGREGATIONS:
            (found,) = ours(tagger, [text], aggregation)
            assert [(one.label, one.start, one.end, one.word) for one in found] == [
                told(one) for one in theirs(family, text, aggregation_strategy=aggregation)
            ], (aggregation, text)


def test_labels_of_the_callers_choice_are_left_out() -> None:
    """By their whole name where nothing is aggregated, else by the entity's."""
    family = roberta()
    tagger = family.tagger()
    (output,) = tagger.run(tagger.encode([TEXTS[0]]))
    chosen: tuple[tuple[Aggregation, list[str]], ...] = (
        ("none", ["I-LOC", "O"]),
        ("simple", ["LOC"]),
        ("max", []),
    )
    for aggregation, ignored in chosen:
        found = output.entities(tagger.manifest.labels, aggregation, ignored)
        options = {"aggregation_strategy": aggregation, "ignore_labels": ignored}
        expected = theirs(family, TEXTS[0], **options)
        assert [(one.label, one.start, one.end, one.word) for one in found] == list(
            map(told, expected)
        )
