"""What is counted of requests, of versions, and of what they said."""

import numpy as np
import pytest

from service.runtime.model import Place
from service.runtime.tasks.tagging import Tagging
from service.serving.shapes import Answer
from service.telemetry.metrics import Batch, ManyHistogram, Metrics
from service.telemetry.record import NO_ROUTE
from tests.service.telemetry.builders import (
    Given,
    answer,
    failed,
    hop,
    manifest,
    record,
    value,
)


def test_every_prediction_is_counted_by_status_and_reason() -> None:
    """Refused before its body was read or after, answered, or left by its client."""
    metrics = Metrics()
    metrics.count(
        [
            record([answer()]),
            failed(401, "Unauthorised", route=NO_ROUTE),
            failed(413, "BodyTooLarge", route=NO_ROUTE),
            failed(404, "UnknownModel", route=NO_ROUTE),
            failed(499, "ClientGone"),
            failed(429, "Overloaded"),
            record(status=0),  # cancelled before there was a response
            record(predicts=False, path="/metrics", route=NO_ROUTE),
            failed(404, "HTTPException", predicts=False, route=NO_ROUTE),
        ]
    )
    text = metrics.text()
    for status in (401, 413, 404):
        assert value(text, "requests_total", model=NO_ROUTE, status=status) == 1
    for status in (200, 499, 429, 0):
        assert value(text, "requests_total", model="student", status=status) == 1
    assert value(text, "requests_total", model=NO_ROUTE, status=200) is None
    for reason in ("Unauthorised", "BodyTooLarge", "UnknownModel", "ClientGone", "Overloaded"):
        assert value(text, "rejected_total", reason=reason) == 1
    assert value(text, "rejected_total", reason="HTTPException") is None
    assert value(text, "request_seconds_count", model="student", outcome="ok") == 1


def test_failures_have_a_latency_too() -> None:
    """Answers and failures each have their histogram; the stages are of answers alone."""
    metrics = Metrics()
    metrics.count(
        [
            record([answer()], [hop("student", 1, 100.0, 100.25, 100.75, 101.5)]),
            failed(504, "DeadlineExceeded", started=99.0, hops=[hop("student", 1, 100.0, 100.25)]),
        ]
    )
    text = metrics.text()
    for outcome, seconds in (("ok", 2.0), ("error", 3.0)):
        at = {"model": "student", "outcome": outcome}
        assert value(text, "request_seconds_count", **at) == 1
        assert value(text, "request_seconds_sum", **at) == seconds
    for stage, seconds in (("tokenize", 0.25), ("queue", 0.5), ("inference", 0.75)):
        at = {"model": "student", "stage": stage}
        assert value(text, "stage_seconds_count", **at) == 1
        assert value(text, "stage_seconds_sum", **at) == seconds


def test_versions_are_told_apart() -> None:
    """Texts, escalations, cuts, recalls, batches and drift count for the version they are of."""
    metrics = Metrics()
    old, new, teacher = manifest("student", 1), manifest("student", 2), manifest("teacher", 7)
    hops = [hop("student", 2, 1.0, recalled=1), hop("teacher", 7, 2.0)]
    metrics.count(
        [
            record([answer(old, truncated=True)], [hop("student", 1, 1.0)]),
            record([answer(new), answer(teacher, escalated=True)], hops, route="auto"),
        ]
    )
    metrics.batches("student", 2, [Batch(texts=5, tokens=40, seconds=0.25)])
    text = metrics.text()
    of_old = {"model": "student", "version": 1}
    of_new = {"model": "student", "version": 2}
    of_teacher = {"model": "teacher", "version": 7}
    for at in (of_old, of_new, of_teacher):
        assert value(text, "texts_total", **at) == 1
        assert value(text, "labels_total", **at, label="positive") == 1
        assert value(text, "confidence_count", **at) == 1
        assert value(text, "text_tokens_sum", **at) == 3
    assert value(text, "truncated_total", **of_old) == 1
    assert value(text, "truncated_total", **of_new) == 0
    assert value(text, "escalated_total", **of_teacher) == 1
    assert value(text, "escalated_total", **of_new) == 0
    assert value(text, "recalled_total", **of_new) == 1
    assert value(text, "recalled_total", **of_teacher) is None
    for by in ("student", "teacher"):
        assert value(text, "route_texts_total", model="auto", by=by) == 1
    for name, total in (("batch_texts", 5), ("batch_tokens", 40), ("batch_seconds", 0.25)):
        assert value(text, f"{name}_sum", **of_new) == total
        assert value(text, f"{name}_count", **of_old) is None


def test_drift_is_seen_in_labels_confidence_and_length() -> None:
    """What a version says of many texts, as shares that an operator can compare."""
    metrics = Metrics()
    said = [answer(output=Given((0,), 0.55), tokens=5)] * 3 + [
        answer(output=Given((1,), 0.97), tokens=90)
    ]
    metrics.count([record(said)])
    text = metrics.text()
    at = {"model": "student", "version": 1}
    assert value(text, "labels_total", **at, label="negative") == 3
    assert value(text, "labels_total", **at, label="positive") == 1
    assert value(text, "confidence_bucket", **at, le="0.5") == 0
    assert value(text, "confidence_bucket", **at, le="0.6") == 3
    assert value(text, "confidence_bucket", **at, le="0.98") == 4
    assert value(text, "text_tokens_bucket", **at, le="8.0") == 3
    assert value(text, "text_tokens_bucket", **at, le="128.0") == 4


def test_several_labels_a_text_are_each_counted() -> None:
    """Of a multi-label model every label that it gave, and none where it gave none."""
    metrics = Metrics()
    many = manifest("tags", problem_type="multi_label", labels=("a", "b", "c"))
    metrics.count([record([answer(many, Given(given)) for given in ((0, 2), (2,), ())])])
    text = metrics.text()
    for label, times in (("a", 1), ("b", 0), ("c", 2)):
        assert value(text, "labels_total", model="tags", version=1, label=label) == times


def test_entities_count_by_their_label() -> None:
    """Of a tagger each label that a text's entities have, once, without B- and I-."""
    metrics = Metrics()
    labels = ("O", "B-PER", "I-PER")
    rows = np.eye(3, dtype=np.float32)[[1, 2, 0, 1]]
    places = [Place(at, at + 1, "x", continues=False) for at in range(4)]
    tagging = Tagging(rows, places, 0.9, 1, "".join)
    of = manifest("tags", task="token-classification", labels=labels)
    metrics.count([record([Answer(tagging, of, 6, truncated=False, escalated=False)])])
    text = metrics.text()
    assert value(text, "labels_total", model="tags", version=1, label="PER") == 1
    assert value(text, "labels_total", model="tags", version=1, label="B-PER") is None


def test_no_word_of_a_client_is_a_label() -> None:
    """Whatever requests name, the series are those of what there is."""
    metrics = Metrics()
    for name in ("one", "two", "three"):
        metrics.count([failed(404, "UnknownModel", route=NO_ROUTE, path=f"/models/{name}")])
    lines = metrics.text().decode()
    assert "one" not in lines
    assert lines.count("stillhouse_requests_total{") == 1


@pytest.mark.parametrize("values", [[], [0.0], [0.5, 1.0, 1.0, 1.5, 99.0], [2.0] * 1000])
def test_many_values_at_once_are_what_they_are_one_by_one(values: list[float]) -> None:
    """In sum, count and every bucket, the borders included."""
    together = ManyHistogram("a", "", registry=None, buckets=(0.5, 1, 2))
    alone = ManyHistogram("a", "", registry=None, buckets=(0.5, 1, 2))
    together.observe_many(values)
    for each in values:
        alone.observe(each)

    def samples(of: ManyHistogram) -> list[tuple[str, object, float]]:
        (family,) = of.collect()
        return [
            (sample.name, sample.labels, sample.value)
            for sample in family.samples
            if not sample.name.endswith("_created")
        ]

    assert samples(together) == samples(alone)
