"""`stillhouse check`: what it says of a good checkpoint, and what it sees in a bad one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from click.testing import CliRunner

from cli import main
from export.check.check import Differences, _largest, check, judge, prepare
from export.errors import ExportError
from export.tasks.hub import Hub
from service.runtime.tokenizer import Tokenizer
from tests.tiny import tiny_encoder, tiny_encoder_checkpoint, tiny_hub_tokenizer, toy_data
from training.models.checkpoints import reading

hf: Any = transformers


def test_it_says_what_it_found(tmp_path: Path) -> None:
    """Family, kind of answer, labels, length, pads, and the largest difference."""
    source = tiny_encoder_checkpoint(tmp_path / "checkpoint")
    data = toy_data(tmp_path / "texts.tsv", 5, seed=1)
    told = CliRunner().invoke(main, ["check", str(source), "--data", str(data)])
    assert told.exit_code == 0, told.output
    assert "BertForSequenceClassification" in told.output
    assert "single_label" in told.output
    assert "labels (2): negative, positive" in told.output
    assert "reads 64 tokens, cuts the right end off; pads with id 0" in told.output
    assert "on 17 texts" in told.output


@pytest.mark.parametrize(
    ("labels", "problem", "expected"),
    [
        (("a", "b", "c"), "multi_label_classification", "multi_label"),
        (("score",), "regression", "regression"),
        (("relevant",), None, "multi_label"),
    ],
)
def test_every_kind_of_answer_is_read(
    labels: tuple[str, ...], problem: str | None, expected: str, tmp_path: Path
) -> None:
    """As the config names it, or as its number of labels says; one logit may be a reranker's."""
    config: Any = tiny_encoder(labels).config
    config.problem_type = problem
    hf.BertForSequenceClassification(config).save_pretrained(tmp_path)
    tiny_hub_tokenizer().save_pretrained(tmp_path)
    assert check(str(tmp_path), pairs=False).problem == expected


def test_a_refusal_is_one_line(tmp_path: Path) -> None:
    """And no traceback."""
    hf.BertForMultipleChoice(tiny_encoder().config).save_pretrained(tmp_path)
    told = CliRunner().invoke(main, ["check", str(tmp_path)])
    assert told.exit_code == 1
    assert told.output.startswith("Error: ")
    assert "chooses among texts" in told.output


def test_a_tokenizer_that_cuts_the_other_end_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both sides of the comparison do not read through the service's tokenizer."""

    class Right(Tokenizer):
        def __init__(self, backend: Any, max_length: int, pad_id: int, **others: Any) -> None:
            super().__init__(backend, max_length, pad_id, "right", **others)

    source = str(tiny_encoder_checkpoint(tmp_path))
    stated = json.loads((tmp_path / "tokenizer_config.json").read_text())
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({**stated, "truncation_side": "left"})
    )
    assert check(source).truncation_side == "left"
    monkeypatch.setattr(reading, "Tokenizer", Right)
    with pytest.raises(ExportError, match=r"reads .* as other tokens than transformers"):
        check(source)


def test_what_is_no_number_is_seen() -> None:
    """Wherever it is: among the texts, or in batches alone."""
    good, none = np.zeros((1, 2), np.float32), np.full((1, 2), np.nan, np.float32)
    assert np.isnan(_largest([good, none], [good, good]))
    assert np.isnan(Differences(0.0, np.nan, 0.0).largest)


def test_a_graph_that_says_something_else_is_seen(tmp_path: Path) -> None:
    """By how much, and where."""
    trial = prepare(str(tiny_encoder_checkpoint(tmp_path)))
    assert isinstance(trial.hub, Hub)
    with torch.no_grad():
        trial.hub._pipeline.model.classifier.bias.add_(0.5)
    with pytest.raises(ExportError, match=r"a logit differs by 0\.5 from transformers"):
        judge(trial)
