"""Every family through every stage, against transformers' own pipeline."""

import re
from pathlib import Path

import pytest

from export.check.check import SAME
from tests.zoo import table
from tests.zoo.embedders import EMBEDDERS
from tests.zoo.families import CROSS_ENCODERS, PAIRS, SUPPORTED
from tests.zoo.pruned import PRUNED
from tests.zoo.taggers import TAGGERS
from tests.zoo.visit import Row, visit

SAME_IN_ANY_BATCH = 1e-5  # of a probability, in INT8


@pytest.mark.parametrize("name", [*SUPPORTED, *PRUNED, *EMBEDDERS])
def test_a_family_is_read_taught_from_and_served_as_transformers_does(
    name: str, tmp_path: Path
) -> None:
    """As a teacher, in FP32 alone, in batches and at the limit; in INT8 whatever the batch."""
    _like_transformers(visit(name, table.ALL[name], tmp_path))


@pytest.mark.parametrize("name", [*PAIRS, *CROSS_ENCODERS])
def test_a_family_reads_pairs_as_transformers_does(name: str, tmp_path: Path) -> None:
    """With its token types and its separators, cut on both sides, by the same stages."""
    pairs = True if name in PAIRS else None
    _like_transformers(visit(name, table.ALL[name], tmp_path, pairs=pairs))


@pytest.mark.parametrize(
    ("name", "words"),
    [("BERT, NLI", "which is of two texts"), ("DeBERTa-v3, NLI", "say --pairs if it reads")],
)
def test_a_model_of_pairs_is_no_classifier_of_texts_without_a_word(
    name: str, words: str, tmp_path: Path
) -> None:
    """Where nothing says what an NLI model reads, its user is asked."""
    row = visit(name, PAIRS[name], tmp_path)
    assert row.refused is not None
    assert words in row.refused


def _like_transformers(row: Row) -> None:
    assert row.refused is None
    stages = (row.teacher, row.alone, row.batch, row.limit)
    assert max(stage for stage in stages if stage is not None) < SAME
    assert row.int8 is not None
    assert 0 < row.int8 < 1  # rounded, and not another model
    assert row.int8_batch is not None
    assert row.int8_batch < SAME_IN_ANY_BATCH


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Longformer", "cuts a text into windows, .* It can teach"),
        ("BigBird, sparse attention", "set attention_type to original_full"),
        ("XLNet", "no ONNX export for 'xlnet'"),
        ("BERT embedder, weighted mean", "pools by weightedmean: served here is one of"),
    ],
)
def test_what_is_not_possible_is_refused(name: str, words: str, tmp_path: Path) -> None:
    """In one line that says why and what to do."""
    row = visit(name, table.ALL[name], tmp_path)
    assert row.refused is not None
    assert "\n" not in row.refused
    assert re.search(words, row.refused)


def test_the_page_shows_the_results() -> None:
    """docs/models.md has the table of docs/zoo.json, which has every family."""
    rows = table.stored()
    assert [row.name for row in rows] == [*table.ALL, *TAGGERS]
    assert table.between(table.PAGE.read_text(encoding="utf-8")) == table.rendered(rows)
