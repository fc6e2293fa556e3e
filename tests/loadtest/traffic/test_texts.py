"""The texts that are sent, and the requests made of them."""

import gzip
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from loadtest.load import Batch, Closed, Content, Load, Target
from loadtest.traffic.questions import Answer, Question, Traffic, read_answer
from loadtest.traffic.texts import Pair, TextsUnfit, load_texts, read_inputs, read_texts

QUESTION = Question("auto", Target("auto", ("student", "teacher")), ("one", "two"))


def draws(content: Content, batches: tuple[Batch, ...], n: int = 2000) -> list[Question]:
    """Some requests of a mix."""
    targets = (Target("student", (), 0.8), Target("teacher", (), 0.2))
    load = Load("mix", "mix", "", targets, Closed(1), 1, 0, 5, content, batches)
    traffic = Traffic(load, load_texts(content, 5))
    chance = random.Random(1)
    return [traffic.draw(chance) for _ in range(n)]


def test_a_file_has_a_text_a_line(tmp_path: Path) -> None:
    """Space around a text and empty lines are nothing."""
    path = tmp_path / "texts.txt"
    path.write_text("one\r\n\n two\tand a half \n", encoding="utf-8")
    assert read_texts(path) == ["one", "two\tand a half"]


def test_a_tsv_has_a_column_of_texts(tmp_path: Path) -> None:
    """By its name, whatever stands before it; gzipped or not, quotes as they are."""
    path = tmp_path / "texts.tsv.gz"
    path.write_bytes(gzip.compress(b'label\ttext\n1\t"one" is\n0\ttwo\n'))
    assert read_texts(path) == ['"one" is', "two"]


def test_json_lines_have_texts_or_pairs(tmp_path: Path) -> None:
    """A model of pairs is sent the file's own, others the first texts; what else there is stays."""
    path = tmp_path / "pairs.jsonl"
    lines = [{"text": "a", "text_pair": "b", "label": 1}, {"text": "c", "text_pair": None}]
    path.write_text("\n\n".join(map(json.dumps, lines)))
    assert read_inputs(path) == [Pair("a", "b"), "c"]
    texts = load_texts(Content(str(path)), 5)
    chance = random.Random(1)
    assert texts.draw_pairs(chance, 3, long=False) == [Pair("a", "b")] * 3
    assert set(texts.draw(chance, 50, long=False)) == {"a", "c"}


@pytest.mark.parametrize("name", ["a.tsv", "a.jsonl"])
def test_texts_may_have_labels(name: str, tmp_path: Path) -> None:
    """By name, or by place among the model's; a text with two labels, or an odd one, has none."""
    rows = [("one", "1"), ("two", "negative"), ("three", "0"), ("three", "1"), ("four", "7")]
    rows += [("five", "other"), ("six", "")]
    path = tmp_path / name
    if name == "a.tsv":
        path.write_text("label\ttext\n" + "".join(f"{label}\t{x}\n" for x, label in rows) + "1\n")
    else:
        path.write_text("\n".join(json.dumps({"text": x, "label": of or None}) for x, of in rows))
    texts = load_texts(Content(str(path)), 5)
    names = ("negative", "positive")
    found = {text: texts.label_of(text, names) for text, _ in rows}
    assert found == {
        "one": "positive", "two": "negative", "three": None, "four": None, "five": None, "six": None
    }  # fmt: skip
    assert texts.label_of("one", ("0", "1")) == "1"
    target = Target("student", labels=names)
    load = Load("s", "s", "", (target,), Closed(1), 1, 0, 5, Content(str(path)), (Batch(9),))
    question = Traffic(load, texts).draw(random.Random(1))
    assert [found[str(text)] for text in question.texts] == list(question.labels)
    assert not any("label" in str(one) for one in question.body)


def test_a_csv_is_read_as_one(tmp_path: Path) -> None:
    """Its header and its quotes are no text, and its labels are labels."""
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbflabel,text\r\n1,"one, ""two""\nthree"\r\n0,four\r\n')
    texts = load_texts(Content(str(path)), 5)
    assert texts.short == ('one, "two"\nthree', "four")
    assert texts.labels == {'one, "two"\nthree': "1", "four": "0"}


def test_numbers_and_labels_in_json_lines(tmp_path: Path) -> None:
    """A whole number is a place; what is no label is none."""
    path = tmp_path / "a.jsonl"
    values = [1, "positive", True, 0.5, ["a"], None]
    lines = [{"text": f"t{n}", "label": value} for n, value in enumerate(values)]
    path.write_text("\n".join(map(json.dumps, lines)))
    texts = load_texts(Content(str(path)), 5)
    assert texts.labels == {"t0": "1", "t1": "positive"}


def test_models_of_pairs_are_asked_pairs() -> None:
    """Of texts that come alone any two make one, the second long where long ones are sent."""
    target = Target("nli", ("nli",), pairs=True)
    for long in (0.0, 1.0):
        content = Content(long_share=long)
        load = Load("nli", "nli", "", (target,), Closed(1), 1, 0, 5, content, (Batch(2),))
        question = Traffic(load, load_texts(content, 5)).draw(random.Random(1))
        inputs = question.body["inputs"]
        assert isinstance(inputs, list)
        assert [list(one) for one in inputs] == [["text", "text_pair"]] * 2
        words = [len(one["text_pair"].split()) for one in inputs]
        assert (max(words) > 60) is bool(long)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", b"\n \n", "no text"),
        ("a.txt", b"\xff\xfe", "not UTF-8"),
        ("a.tsv", b"label\tsentence\n1\tone\n", "no column 'text'"),
        ("a.csv", b'message,category\n"one, two",1\n', "first line names message, category"),
        ("a.csv", b'text,label\n"one" two,1\n', "is no CSV"),
        ("a.jsonl", b"", "no text"),
        ("a.jsonl", b'{"text": "a"}\n{"text": 5}', 'a.jsonl:2: expected an object with a "text"'),
        ("a.jsonl", b'{"text": "a", "text_pair": " "}', "not empty"),
        ("a.jsonl", b'["a", "b"]', "expected an object"),
    ],
)
def test_a_file_without_texts_is_refused(
    name: str, content: bytes, words: str, tmp_path: Path
) -> None:
    """The error says what is missing."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TextsUnfit, match=words):
        read_texts(path)


def test_long_texts_are_as_long_as_reviews() -> None:
    """Joined of the sentences, around the median, and the same for the same seed."""
    texts = load_texts(Content(long_share=0.5), 5)
    lengths = sorted(len(text.split()) for text in texts.long)
    assert lengths[250] == pytest.approx(173, rel=0.2)
    assert lengths[475] == pytest.approx(590, rel=0.3)
    assert texts == load_texts(Content(long_share=0.5), 5)
    assert "median" in texts.describe(Content(long_share=0.5))


def test_requests_are_mixed_as_ordered() -> None:
    """Models, numbers of texts and lengths have their shares, each in a row of its own."""
    found = draws(Content(long_share=0.25), (Batch(1, 0.9), Batch(8, 0.1)))
    names = Counter(question.name for question in found)
    assert sum(q.target.model == "teacher" for q in found) == pytest.approx(400, rel=0.2)
    assert sum(len(q.texts) == 8 for q in found) == pytest.approx(200, rel=0.3)
    assert sum(q.name.endswith(", long") for q in found) == pytest.approx(500, rel=0.2)
    assert "student, 8 texts, long" in names


def test_a_request_of_one_text_sends_no_list() -> None:
    """As most clients do."""
    one = draws(Content(), (Batch(1),), 1)[0]
    assert isinstance(one.body["inputs"], str)
    assert QUESTION.body == {"inputs": ["one", "two"], "model": "auto"}


def answer(models: list[str], **more: Any) -> bytes:
    """The body of a 200."""
    predictions = [{"model": model, "escalated": model == "teacher"} for model in models]
    return json.dumps({"predictions": predictions, **more}).encode()


def test_an_answer_tells_its_stages_and_escalations() -> None:
    """In milliseconds, as the service has them."""
    timing = {"tokenize": 0.1, "queue": 0.2, "inference": 0.3, "total": 0.9}
    found = read_answer(answer(["student", "teacher"], timing_ms=timing), QUESTION)
    stages = {"tokenize": 0.1, "queue": 0.2, "inference": 0.3}
    assert found == Answer(texts=2, escalated=1, stages=stages, total=0.9)
    assert read_answer(answer(["student"] * 2), QUESTION) == Answer(2, 0, None, 0.0)


def test_an_answer_tells_what_is_degraded_and_what_is_right() -> None:
    """Of the texts whose label is known."""
    said = [
        {"model": "student", "label": "a", "degraded": True},
        {"model": "teacher", "label": "b", "escalated": True, "degraded": False},
        {"model": "student", "label": "a"},
    ]
    target = Target("auto", labels=("a", "b"))
    question = Question("auto", target, ("one", "two", "three"), ("b", "b", None))
    found = read_answer(json.dumps({"predictions": said}).encode(), question)
    assert found == Answer(3, 1, None, 0.0, degraded=1, labelled=2, right=1)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (answer(["student"]), "too few or too many"),
        (answer(["student", "tutor"]), "another model"),
        (b"", "without predictions"),
        (b"[]", "without predictions"),
        (b'{"predictions": [1, 2]}', "without predictions"),
    ],
)
def test_wrong_answers_are_told(body: bytes, words: str) -> None:
    """A status of 200 is not enough."""
    assert words in str(read_answer(body, QUESTION))
