"""Prometheus metrics, `stillhouse_*`. Counts what it is told; knows nothing of requests."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
TEXTS = (1, 2, 4, 8, 16, 32, 64, 128)
TOKENS = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


class Metrics:
    """All of the service's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self._routes: dict[str, RouteMetrics] = {}
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "stillhouse_requests_total",
            "Prediction requests by the model that was asked for and the HTTP status.",
            ["model", "status"],
            registry=self.registry,
        )
        self.stage_seconds = Histogram(
            "stillhouse_stage_seconds",
            "Time of a request by stage: tokenize, queue, inference, total.",
            ["model", "stage"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.batch_texts = Histogram(
            "stillhouse_batch_texts",
            "Texts in a batch.",
            ["model"],
            buckets=TEXTS,
            registry=self.registry,
        )
        self.batch_tokens = Histogram(
            "stillhouse_batch_tokens",
            "Tokens in a batch, padding left out.",
            ["model"],
            buckets=TOKENS,
            registry=self.registry,
        )
        self.queue_depth = Gauge(
            "stillhouse_queue_depth",
            "Texts accepted and not yet answered.",
            ["model"],
            multiprocess_mode="livesum",
            registry=self.registry,
        )
        self.rejected = Counter(
            "stillhouse_rejected_total",
            "Prediction requests refused, by reason.",
            ["reason"],
            registry=self.registry,
        )
        self.texts = Counter(
            "stillhouse_texts_total",
            "Texts answered.",
            ["model"],
            registry=self.registry,
        )
        self.recalled = Counter(
            "stillhouse_recalled_total",
            "Texts that a model was not asked again, since it had been: the hits of the cache.",
            ["model"],
            registry=self.registry,
        )
        self.escalated = Counter(
            "stillhouse_escalated_total",
            "Texts of a cascade that a later model of its chain answered.",
            ["model"],
            registry=self.registry,
        )
        self.shadow = Counter(
            "stillhouse_shadow_total",
            "Texts that a shadow answered too, by the label of the model and agreement.",
            ["model", "shadow", "label", "agrees"],
            registry=self.registry,
        )
        self.shadow_dropped = Counter(
            "stillhouse_shadow_dropped_total",
            "Texts for a shadow that found no idle moment.",
            ["model", "shadow"],
            registry=self.registry,
        )
        self.truncated = Counter(
            "stillhouse_truncated_total",
            "Texts that were cut to the model's length.",
            ["model"],
            registry=self.registry,
        )
        self.loaded = Gauge(
            "stillhouse_loaded_version",
            "The version of a model that serves; of several workers the lowest.",
            ["model"],
            multiprocess_mode="livemin",
            registry=self.registry,
        )

    def route(self, model: str) -> "RouteMetrics":
        """The metrics of one route, found once: a look-up by labels takes longer than counting."""
        found = self._routes.get(model)
        if found is None:
            found = self._routes[model] = RouteMetrics(self, model)
        return found

    def text(self) -> bytes:
        """All metrics in Prometheus' text format; of several workers, added up."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        everything = CollectorRegistry()
        MultiProcessCollector(everything)  # type: ignore[no-untyped-call]
        return generate_latest(everything)


class RouteMetrics:
    """The parts of `Metrics` that every answered request of a route counts in."""

    def __init__(self, metrics: Metrics, model: str) -> None:
        seconds = metrics.stage_seconds
        self.tokenize = seconds.labels(model, "tokenize")
        self.queue = seconds.labels(model, "queue")
        self.inference = seconds.labels(model, "inference")
        self.total = seconds.labels(model, "total")
        self.texts = metrics.texts.labels(model)
        self.answered = metrics.requests.labels(model, 200)
