"""OpenTelemetry traces: a span a request and one a stage, when an endpoint is set.

Without one the API's own no-op tracer is used, and the SDK is not imported.
"""

import time
from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service.errors import StillhouseError
from service.predictor import Stages


class TracingError(StillhouseError):
    """Traces were asked for and cannot be sent."""


def configure(endpoint: str | None) -> "trace.Tracer":
    """The tracer, exporting to `endpoint` (OTLP over HTTP) if there is one.

    Raises:
        TracingError: the exporter is not installed.
    """
    if endpoint is None:
        return trace.NoOpTracer()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise TracingError("traces need the exporter: pip install 'stillhouse[trace]'") from error
    provider = TracerProvider(resource=Resource.create({"service.name": "stillhouse"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    return provider.get_tracer("stillhouse")


def record(
    tracer: "trace.Tracer",
    headers: Mapping[str, str],
    attributes: Mapping[str, str | int],
    stages: Stages,
    total: float,
) -> None:
    """Records an answered request and its stages, under the caller's trace if it sent one."""
    ended = time.time_ns()
    started = ended - int(total * 1e9)
    parent = TraceContextTextMapPropagator().extract(headers)
    span = tracer.start_span("predict", parent, attributes=attributes, start_time=started)
    inside = trace.set_span_in_context(span)
    at = started
    for name, seconds in (
        ("tokenize", stages.tokenize),
        ("queue", stages.queue),
        ("inference", stages.inference),
    ):
        stage = tracer.start_span(name, inside, start_time=at)
        at += int(seconds * 1e9)
        stage.end(at)
    span.end(ended)
