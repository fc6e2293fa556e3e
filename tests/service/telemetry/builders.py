"""Records of requests as the service would make them, without a service."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from service.repository.manifest import Manifest
from service.repository.sections import File, Lineage
from service.runtime.model import Output
from service.serving.shapes import Answer, Hop
from service.telemetry.record import Record


class Given(NamedTuple):
    """What a model said of a text: the labels at these places."""

    given: Sequence[int] = (1,)
    confidence: float = 0.75

    def said(self, labels: Sequence[str]) -> tuple[str, ...]:
        """Their names."""
        return tuple(labels[index] for index in self.given)

    def agrees(self, labels: Sequence[str], other: Output, others: Sequence[str]) -> bool:
        """Whether the other gives the same labels."""
        return self.said(labels) == other.said(others)

    def word(self, labels: Sequence[str]) -> str:
        """Their names as one."""
        return " ".join(self.said(labels))


def manifest(name: str = "student", version: int = 1, **fields: Any) -> Manifest:
    """Of a version that is nowhere on disk."""
    fields = {"labels": ("negative", "positive"), **fields}
    return Manifest(
        name=name,
        version=version,
        max_length=16,
        precision="fp32",
        weights="float32",
        parameters=16,
        files={file: File(sha256="0" * 64, bytes=1) for file in ("model.onnx", "tokenizer.json")},
        lineage=Lineage(teacher=None, recipe_sha256=None, data_sha256=None, code_version="0"),
        licence="Apache-2.0",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        **fields,
    )


STUDENT = manifest()


def answer(of: Manifest = STUDENT, output: Given | None = None, **fields: Any) -> Answer:
    """Of the student, by itself, unless told otherwise."""
    plain = {"tokens": 3, "truncated": False, "escalated": False}
    return Answer(output or Given(), of, **{**plain, **fields})


def hop(model: str = "student", version: int = 1, *times: float, recalled: int = 0) -> Hop:
    """A hop of one text with its times as far as given: admitted, encoded, started, ended."""
    made = Hop(model, version, 1, times[0])
    made.encoded, made.started, made.ended = [*times[1:], 0.0, 0.0, 0.0][:3]
    made.recalled = recalled
    return made


def record(answers: Sequence[Answer] = (), hops: Sequence[Hop] = (), **fields: Any) -> Record:
    """Of a prediction that was answered after 2 seconds, unless told otherwise."""
    plain = {
        "request_id": "abc",
        "method": "POST",
        "path": "/predict",
        "predicts": True,
        "route": "student",
        "status": 200,
        "error": None,
        "started": 100.0,
        "ended": 102.0,
        "at": 1_800_000_000.5,
        "traceparent": None,
        "texts": None,
    }
    return Record(**{**plain, **fields}, answers=answers, hops=hops)


def just_now(answers: Sequence[Answer] = ()) -> Record:
    """Of a prediction that has ended by this machine's clock."""
    now = time.monotonic()
    return record(answers, started=now, ended=now, at=time.time())


def failed(status: int, error: str, **fields: Any) -> Record:
    """Of a prediction that was not."""
    return record(status=status, error=error, **fields)


def value(text: bytes, name: str, **labels: object) -> float | None:
    """A sample in Prometheus' text format; None: it is not there."""
    wanted = {label: str(of) for label, of in labels.items()}
    found = [
        sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name == f"stillhouse_{name}" and sample.labels == wanted
    ]
    assert len(found) < 2
    return found[0] if found else None
