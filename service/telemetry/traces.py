"""OpenTelemetry traces: a span a request and one a stage, when an endpoint is set.

Without one nothing is recorded, and the SDK is not imported.
"""

import time
from collections.abc import Callable, Mapping

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service.errors import StillhouseError
from service.serving.predictor import Stages


class TracingError(StillhouseError):
    """Traces were asked for and cannot be sent."""


class Traces:
    """Where spans go.

    Args:
        endpoint: takes OTLP over HTTP; None: there are no traces.

    Raises:
        TracingError: the exporter is not installed.
    """

    def __init__(self, endpoint: str | None) -> None:
        self._tracer: trace.Tracer | None = None
        self._shutdown: Callable[[], None] = lambda: None
        if endpoint is None:
            return
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise TracingError(
                "traces need the exporter: pip install 'stillhouse[trace]'"
            ) from error
        provider = TracerProvider(resource=Resource.create({"service.name": "stillhouse"}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
        self._tracer = provider.get_tracer("stillhouse")
        self._shutdown = provider.shutdown

    @property
    def wanted(self) -> bool:
        """Whether there is where spans go."""
        return self._tracer is not None

    def stop(self) -> None:
        """Sends what is left; may wait for the network."""
        self._shutdown()

    def record(
        self,
        headers: Mapping[str, str],
        attributes: Mapping[str, str | int],
        stages: Stages,
        total: float,
    ) -> None:
        """Records an answered request and its stages, under the caller's trace if it sent one."""
        if self._tracer is None:
            return
        ended = time.time_ns()
        started = ended - int(total * 1e9)
        parent = TraceContextTextMapPropagator().extract(headers)
        span = self._tracer.start_span("predict", parent, attributes=attributes, start_time=started)
        inside = trace.set_span_in_context(span)
        at = started
        for name, seconds in (
            ("tokenize", stages.tokenize),
            ("queue", stages.queue),
            ("inference", stages.inference),
        ):
            stage = self._tracer.start_span(name, inside, start_time=at)
            at += int(seconds * 1e9)
            stage.end(at)
        span.end(ended)
