"""Taggers of every family through every stage, against transformers' own pipeline."""

from pathlib import Path
from typing import Any

import pytest
import transformers

from export.check.check import SAME, load_version, prepare
from service.runtime.tasks.tokens import Tagger
from tests.zoo.taggers import TAGGERS, visit_tagger
from tests.zoo.test_zoo import SAME_IN_ANY_BATCH
from training.models.checkpoints.reading import split_special_tokens


@pytest.mark.parametrize("name", TAGGERS)
def test_a_tagger_is_read_taught_from_and_served_as_transformers_does(
    name: str, tmp_path: Path
) -> None:
    """As a teacher, in FP32 alone, in batches and at the limit; in INT8 whatever the batch."""
    row = visit_tagger(name, TAGGERS[name], tmp_path)
    stages = (row.teacher, row.alone, row.batch, row.limit)
    assert max(stage for stage in stages if stage is not None) < SAME
    assert row.int8 is not None
    assert 0 < row.int8 < 10  # rounded, and not another model
    assert row.int8_batch is not None
    assert row.int8_batch < SAME_IN_ANY_BATCH


def test_entities_are_the_pipelines(tmp_path: Path) -> None:
    """An exported graph's entities, of odd texts too: labels, scores and characters."""
    TAGGERS["RoBERTa tagger"](tmp_path / "made")
    trial = prepare(str(tmp_path / "made"))
    tagger = load_version(trial, trial.graph, tmp_path)
    assert isinstance(tagger, Tagger)
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(tmp_path / "made")
    split_special_tokens(tokenizer)  # a special token that somebody typed is text
    pipeline: Any = transformers.pipeline(
        "token-classification",
        str(tmp_path / "made"),
        tokenizer=tokenizer,
        aggregation_strategy="simple",
    )
    for text in trial.short:
        (tagging,) = tagger.run(tagger.encode([text]))
        ours = tagging.entities(tagger.manifest.labels)
        theirs = pipeline(text)
        assert [(one.label, one.start, one.end) for one in ours] == [
            (one["entity_group"], one["start"], one["end"]) for one in theirs
        ]
        scores = [float(one["score"]) for one in theirs]
        assert [one.score for one in ours] == pytest.approx(scores, abs=1e-4)
