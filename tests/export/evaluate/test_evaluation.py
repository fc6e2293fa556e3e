"""Evaluations: scores, slices, confusion and pairs of models, counted by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from export.errors import ExportError
from export.evaluate.answering import Answers, open_classifier
from export.evaluate.evaluation import against, answers_scores, evaluate
from export.evaluate.predictions import rows, write_predictions
from export.evaluate.telling import compared, headline, lines
from tests.service.builders import publish_tiny
from tests.tiny import tiny_encoder_checkpoint
from training.data.labelled import LabelledText
from training.score.scores import Scores

LABELS = ("no", "yes")


def said(*yes: float) -> Answers:
    """Answers to texts by the probability of the second label."""
    probabilities = np.array([[1 - share, share] for share in yes])
    given = probabilities.argmax(axis=1)[:, np.newaxis] == np.arange(2)
    return Answers(LABELS, "single_label", probabilities, given)


def texts(*targets: int, labels: tuple[str, ...] = LABELS) -> LabelledText:
    """Texts with these labels."""
    return LabelledText([f"text {row}" for row in range(len(targets))], np.array(targets), labels)


def test_slices_and_confusion() -> None:
    """Each value of a column has its scores, the largest first; errors are counted by label."""
    answers, data = said(0.9, 0.8, 0.3, 0.6, 0.1), texts(1, 0, 0, 1, 1)
    found = evaluate(answers, data, ["de", "en", "en", "en", "de"])
    assert found.confusion is not None
    assert found.confusion.tolist() == [[1, 1], [1, 2]]
    assert [one.value for one in found.slices] == ["en", "de"]
    english, german = (one.scores for one in found.slices)
    assert isinstance(english, Scores)
    assert isinstance(german, Scores)
    assert (english.n, german.n, german.accuracy) == (3, 2, 0.5)
    assert english.accuracy == pytest.approx(2 / 3)
    told = list(lines("model", found, LABELS, "language"))
    assert told[0].startswith("model: accuracy 0.6000 (")
    assert "by language" in told
    assert any(line.startswith("  en: accuracy 0.6667 (") for line in told)


def test_a_label_that_is_never_given_is_told() -> None:
    """Nobody has to look for it in a table."""
    told = list(lines("model", evaluate(said(0.1, 0.2), texts(1, 0)), LABELS, None))
    assert "WARNING: no text is ever given the labels yes" in told


def test_many_labels_are_told_by_their_errors() -> None:
    """A confusion that no terminal is wide enough for is a list of the largest."""
    labels = tuple(f"label-{place}" for place in range(20))
    probabilities = np.eye(20)[[1, 1, 2]]
    answers = Answers(labels, "single_label", probabilities, probabilities == 1)
    told = list(lines("m", evaluate(answers, texts(0, 0, 2, labels=labels)), labels, None))
    assert "  label-0 for label-1: 2" in told
    assert not any(line.startswith("rows:") for line in told)


def test_models_are_compared_text_by_text() -> None:
    """Which texts each gets right counts, not how many."""
    data = texts(1, 1, 0, 0)
    found = against(said(0.9, 0.9, 0.9, 0.1), said(0.1, 0.9, 0.1, 0.1), data)
    assert found is not None
    assert (found.only_first, found.only_second, found.difference) == (1, 1, 0.0)
    (line,) = compared("a", "b", found)
    assert "1 texts only a gets right, 1 only b" in line


def test_numbers_are_scored_as_numbers() -> None:
    """A regression has correlations, no labels, and nothing to pair."""
    answers = Answers(
        ("score",), "regression", np.array([[1.0], [2.0], [4.0]]), np.zeros((3, 1), dtype=bool)
    )
    data = LabelledText(
        ["a", "b", "c"], np.array([1, 2, 3], dtype=np.float32), ("score",), "regression"
    )
    assert headline(answers_scores(answers, data)).startswith("Pearson 0.98")
    assert against(answers, answers, data) is None
    flat = Answers(("score",), "regression", np.ones((3, 1)), np.zeros((3, 1), dtype=bool))
    assert "no correlation" in headline(answers_scores(flat, data))


def test_several_labels_are_scored_each() -> None:
    """Micro F1 is told, and a text is right where all its labels are."""
    probabilities = np.array([[0.9, 0.8], [0.2, 0.7]])
    answers = Answers(LABELS, "multi_label", probabilities, probabilities > 0.5)
    targets = np.array([[1, 1], [1, 1]], dtype=np.float32)
    data = LabelledText(["a", "b"], targets, LABELS, "multi_label")
    found = evaluate(answers, data)
    assert found.confusion is None
    assert headline(found.scores).startswith("all labels right 0.5000")
    assert "micro F1 0.8571" in headline(found.scores)
    assert answers.named(0) == ["no", "yes"]


def test_other_labels_are_refused_with_both_lists() -> None:
    """What to do about it is said too."""
    with pytest.raises(ExportError, match=r"\['no', 'yes'\].*\['bad', 'good'\].*--labels"):
        answers_scores(said(0.5), texts(0, labels=("bad", "good")))


def test_predictions_are_written(tmp_path: Path) -> None:
    """One row a text, in either format; line ends and tabs do not break a TSV."""
    answers, data = said(0.9, 0.25), LabelledText(["one\ttwo\n", "three"], np.array([1, 1]), LABELS)
    write_predictions(tmp_path / "a.jsonl", rows(data.texts, answers, data))
    first, second = map(json.loads, (tmp_path / "a.jsonl").read_text().splitlines())
    assert first == {
        "text": "one\ttwo\n",
        "label": "yes",
        "score": 0.9,
        "scores": {"no": pytest.approx(0.1), "yes": 0.9},
        "truth": "yes",
    }
    assert (second["label"], second["truth"]) == ("no", "yes")
    write_predictions(tmp_path / "b" / "a.tsv", rows(data.texts, answers))
    assert (tmp_path / "b" / "a.tsv").read_text().splitlines() == [
        "text\tlabel\tscore\tscore no\tscore yes",
        "one two\tyes\t0.9\t0.1\t0.9",
        "three\tno\t0.75\t0.75\t0.25",
    ]
    with pytest.raises(ExportError, match=r"ends in .jsonl or .tsv"):
        write_predictions(tmp_path / "a.csv", rows(data.texts, answers))


def test_models_are_found_by_name_or_path(tmp_path: Path) -> None:
    """A version of the repository, its directory, or a checkpoint; else both are told."""
    publish_tiny(tmp_path, "student")
    place = publish_tiny(tmp_path, "student", 2, labels=("no", "yes"), temperature=2.0)
    tiny_encoder_checkpoint(tmp_path / "checkpoint")
    assert open_classifier("student@1", tmp_path).labels == ("negative", "positive")
    latest = open_classifier("student", tmp_path)
    assert (latest.title, latest.labels) == ("student@2", ("no", "yes"))
    assert open_classifier(str(place), tmp_path / "elsewhere").title == "student@2"
    answers = latest.answer(["good", "bad film"])
    assert answers.probabilities[0, 1] == pytest.approx(1 / (1 + np.exp(-4 / 2)))
    assert [answers.named(row) for row in (0, 1)] == [["yes"], ["no"]]
    checkpoint = open_classifier(str(tmp_path / "checkpoint"), tmp_path)
    assert checkpoint.checkpoint is not None
    assert checkpoint.answer(["good"]).probabilities.shape == (1, 2)
    with pytest.raises(ExportError, match=r"no model 'nobody'.*no checkpoint at nobody"):
        open_classifier("nobody", tmp_path)
