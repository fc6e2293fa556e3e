"""Prometheus metrics, `stillhouse_*`, counted from records. Knows nothing of HTTP.

Every label is a name that the service knows: a word of a client's is none.
"""

import os
from bisect import bisect_left
from collections import Counter as Count
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from service.repository.manifest import Manifest, ProblemType, Task
from service.serving.shapes import Answer, Stages
from service.telemetry.gauges import SHARED_FOLDER, Gauges, kept, pids
from service.telemetry.processes import Processes
from service.telemetry.record import Record

SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128)
TOKENS = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0)


class Batch(NamedTuple):
    """A batch that a model ran."""

    texts: int
    tokens: int
    seconds: float


class ManyHistogram(Histogram):
    """A histogram that takes many values at once, at a fraction of the cost of one by one."""

    def observe_many(self, values: Sequence[float]) -> None:
        """Counts each value in its bucket."""
        if not values:
            return
        self._sum.inc(sum(values))
        bounds = self._upper_bounds
        for bucket, times in Count([bisect_left(bounds, value) for value in values]).items():
            self._buckets[bucket].inc(times)


class Metrics:
    """All of the service's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.gauges = Gauges()
        self._now = (self.gauges, Processes(pids, kept=kept))  # what is told anew at each look
        for collector in self._now:
            self.registry.register(collector)
        self._routes: dict[str, _Route] = {}
        self._versions: dict[tuple[str, int], _Version] = {}
        version = ["model", "version"]
        self.requests = self._counter(
            "requests_total",
            "Prediction requests by the model that was asked for and the HTTP status.",
            ["model", "status"],
        )
        self.rejected = self._counter(
            "rejected_total", "Prediction requests that failed, by the kind of error.", ["reason"]
        )
        self.request_seconds = self._histogram(
            "request_seconds",
            "Time of a prediction request from its head to its response.",
            ["model", "outcome"],
            SECONDS,
        )
        self.stage_seconds = self._histogram(
            "stage_seconds",
            "Time of an answered request by stage: tokenize, queue, inference.",
            ["model", "stage"],
            SECONDS,
        )
        self.texts = self._counter("texts_total", "Texts that a version answered.", version)
        self.escalated = self._counter(
            "escalated_total",
            "Texts that a version answered since a cheaper model of a cascade was unsure.",
            version,
        )
        self.route_texts = self._counter(
            "route_texts_total",
            "Texts answered, by what was asked for and the model that answered.",
            ["model", "by"],
        )
        self.degraded = self._counter(
            "degraded_total",
            "Texts of a cascade that kept a cheaper model's answer, since the next model's would "
            "have been late.",
            ["model"],
        )
        self.truncated = self._counter(
            "truncated_total", "Texts answered that were cut to the model's length.", version
        )
        self.recalled = self._counter(
            "recalled_total",
            "Texts that a version was not asked again, since it had been: the hits of the cache.",
            version,
        )
        self.labels = self._counter(
            "labels_total", "Labels that a version gave.", [*version, "label"]
        )
        self.confidence = self._histogram(
            "confidence", "How sure a version was of a text.", version, CONFIDENCES
        )
        self.text_tokens = self._histogram(
            "text_tokens", "Tokens that a version read of a text.", version, TOKENS
        )
        self.batch_texts = self._histogram("batch_texts", "Texts in a batch.", version, TEXTS)
        self.batch_tokens = self._histogram(
            "batch_tokens", "Tokens in a batch, padding left out.", version, TOKENS
        )
        self.batch_seconds = self._histogram(
            "batch_seconds", "Time that a batch took in the model.", version, SECONDS
        )
        self.shadow = self._counter(
            "shadow_total",
            "Texts that a shadow answered too, by the label of the model and agreement.",
            ["model", "shadow", "label", "agrees"],
        )
        self.shadow_dropped = self._counter(
            "shadow_dropped_total",
            "Texts for a shadow that found no idle moment.",
            ["model", "shadow"],
        )

    def _counter(self, name: str, says: str, labels: Sequence[str]) -> Counter:
        return Counter(f"stillhouse_{name}", says, labels, registry=self.registry)

    def _histogram(
        self, name: str, says: str, labels: Sequence[str], buckets: Sequence[float]
    ) -> ManyHistogram:
        return ManyHistogram(
            f"stillhouse_{name}", says, labels, registry=self.registry, buckets=buckets
        )

    def count(self, records: Sequence[Record]) -> None:
        """Counts requests that have ended, those together that count in the same place."""
        routes: defaultdict[str, list[Record]] = defaultdict(list)
        versions: defaultdict[tuple[str, int], list[Answer]] = defaultdict(list)
        for record in records:
            if record.predicts:
                routes[record.route].append(record)
                for answer in record.answers:
                    versions[answer.manifest.name, answer.manifest.version].append(answer)
                for hop in record.hops:
                    if hop.recalled:
                        self.recalled.labels(hop.model, hop.version).inc(hop.recalled)
        for route, ended in routes.items():
            if route not in self._routes:
                self._routes[route] = _Route(self, route)
            self._routes[route].count(ended)
        for version, answers in versions.items():
            counts = self._versions.get(version)
            manifest = answers[0].manifest
            if counts is None or counts.answers != _answers_of(manifest):
                # The first, or published anew under its number.
                counts = self._versions[version] = _Version(self, manifest)
            counts.count(answers)

    def batches(self, model: str, version: int, ran: Sequence[Batch]) -> None:
        """Counts batches that a version ran."""
        at = (model, version)
        self.batch_texts.labels(*at).observe_many([batch.texts for batch in ran])
        self.batch_tokens.labels(*at).observe_many([batch.tokens for batch in ran])
        self.batch_seconds.labels(*at).observe_many([batch.seconds for batch in ran])

    def text(self) -> bytes:
        """All metrics in Prometheus' text format; of several workers, added up."""
        if SHARED_FOLDER not in os.environ:
            return generate_latest(self.registry)
        everything = CollectorRegistry()
        MultiProcessCollector(everything)  # type: ignore[no-untyped-call]
        for collector in self._now:
            everything.register(collector)
        return generate_latest(everything)


class _Route:
    """Where the requests of one route count; found once, since looking up takes longer."""

    def __init__(self, metrics: Metrics, route: str) -> None:
        self._metrics = metrics
        self._route = route
        stages = metrics.stage_seconds
        self._tokenize = stages.labels(route, "tokenize")
        self._queue = stages.labels(route, "queue")
        self._inference = stages.labels(route, "inference")
        self._seconds = metrics.request_seconds.labels(route, "ok")
        self._by: dict[str, Counter] = {}  # of the models that answered
        self._degraded: Counter | None = None  # there is one once a route has such answers

    def count(self, records: Sequence[Record]) -> None:
        metrics = self._metrics
        for status, times in Count([record.status for record in records]).items():
            metrics.requests.labels(self._route, status).inc(times)
        answered = [record for record in records if record.ok]
        self._seconds.observe_many([record.seconds for record in answered])
        stages = [Stages.of(record.hops) for record in answered]
        self._tokenize.observe_many([stage.tokenize for stage in stages])
        self._queue.observe_many([stage.queue for stage in stages])
        self._inference.observe_many([stage.inference for stage in stages])
        by = [answer.manifest.name for record in answered for answer in record.answers]
        for name, texts in Count(by).items():
            if name not in self._by:
                self._by[name] = metrics.route_texts.labels(self._route, name)
            self._by[name].inc(texts)
        marks = [answer.degraded for record in answered for answer in record.answers]
        if any(mark is not None for mark in marks):
            self._degraded = self._degraded or metrics.degraded.labels(self._route)
            self._degraded.inc(marks.count(True))
        if len(answered) == len(records):
            return
        failed = [record for record in records if not record.ok]
        seconds = [record.seconds for record in failed]
        metrics.request_seconds.labels(self._route, "error").observe_many(seconds)
        for error, times in Count([record.error or "-" for record in failed]).items():
            metrics.rejected.labels(error).inc(times)


def _answers_of(manifest: Manifest) -> tuple[tuple[str, ...], ProblemType, Task]:
    """What has to stay as it is for its answers to count in the same places."""
    return manifest.labels, manifest.problem_type, manifest.task


class _Version:
    """Where the answers of one version count; numbers and embeddings have no confidence."""

    def __init__(self, metrics: Metrics, manifest: Manifest) -> None:
        at = (manifest.name, manifest.version)
        self._texts = metrics.texts.labels(*at)
        self._escalated = metrics.escalated.labels(*at)
        self._truncated = metrics.truncated.labels(*at)
        self._tokens = metrics.text_tokens.labels(*at)
        self.answers = _answers_of(manifest)
        self._confidence = self._labels = None
        if manifest.problem_type != "regression" and manifest.task != "feature-extraction":
            self._confidence = metrics.confidence.labels(*at)
            self._label_of = partial(metrics.labels.labels, *at)
            # A tagger's answers have other labels than its tokens: each is counted once it is said.
            known = () if manifest.task == "token-classification" else manifest.labels
            self._labels = {label: self._label_of(label) for label in known}

    def count(self, answers: Sequence[Answer]) -> None:
        self._texts.inc(len(answers))
        self._tokens.observe_many([answer.tokens for answer in answers])
        if escalated := sum([answer.escalated for answer in answers]):
            self._escalated.inc(escalated)
        if truncated := sum([answer.truncated for answer in answers]):
            self._truncated.inc(truncated)
        if self._confidence is None or self._labels is None:
            return
        self._confidence.observe_many([answer.output.confidence for answer in answers])
        labels = self.answers[0]
        said = [label for answer in answers for label in answer.output.said(labels)]
        for label, times in Count(said).items():
            if label not in self._labels:
                self._labels[label] = self._label_of(label)
            self._labels[label].inc(times)
