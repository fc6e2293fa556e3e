"""OpenTelemetry traces: a span a request, in it one a model asked, in that one a stage.

Without an endpoint nothing is recorded, and the SDK is not imported.
"""

import re
import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service.errors import StillhouseError
from service.serving.shapes import Hop
from service.telemetry.record import Record

STOP_SECONDS = 3.0
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class TracingError(StillhouseError):
    """Traces were asked for and cannot be sent."""


class _Stage(NamedTuple):
    """A part of a hop that began and ended, on the clock of `time.monotonic`."""

    name: str
    started: float
    ended: float


class Traces:
    """Where spans go.

    Args:
        endpoint: takes OTLP over HTTP; None: there are no traces.
    """

    def __init__(self, endpoint: str | None) -> None:
        self._endpoint = endpoint
        self._tracer: Tracer | None = None
        self._shutdown: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Starts the thread that sends.

        Raises:
            TracingError: the exporter is not installed.
        """
        if self._endpoint is None:
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
        resource = Resource.create({"service.name": "stillhouse"})
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=self._endpoint)))
        self._tracer = provider.get_tracer("stillhouse")
        self._shutdown = provider.shutdown

    def stop(self) -> None:
        """Sends what is left, unless the network takes too long; blocks until then."""
        # The SDK waits half a minute for a collector that is gone, and so would a stop.
        sending = threading.Thread(target=self._shutdown, name="traces-stop", daemon=True)
        sending.start()
        sending.join(STOP_SECONDS)

    def record(self, record: Record) -> str | None:
        """Makes the spans of a prediction, under the caller's trace if it sent one.

        Returns:
            The id of the trace that the request is part of; None: of none.
        """
        if self._tracer is None or not record.predicts:
            return trace_id_of(record.traceparent)
        clock = _Clock(record)
        parent = TraceContextTextMapPropagator().extract({"traceparent": record.traceparent or ""})
        span = self._tracer.start_span(
            "predict",
            parent,
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": record.method,
                "url.path": record.path,
                "http.response.status_code": record.status,
                "stillhouse.request_id": record.request_id,
                "stillhouse.model": record.route,
            },
            start_time=clock.ns(record.started),
        )
        if not record.ok:
            _fail(span, record)
        if span.is_recording():
            inside = trace.set_span_in_context(span)
            for hop in record.hops:
                self._hop(hop, inside, clock, record)
        span.end(clock.ns(record.ended))
        return trace.format_trace_id(span.get_span_context().trace_id)

    def _hop(self, hop: Hop, inside: Context, clock: "_Clock", record: Record) -> None:
        assert self._tracer is not None
        broken_off = not (record.ok or hop.ended) and hop is record.hops[-1]
        stages = _stages(hop, record.ended if broken_off else None)
        span = self._tracer.start_span(
            "hop",
            inside,
            attributes={
                "stillhouse.model": hop.model,
                "stillhouse.version": hop.version,
                "stillhouse.texts": hop.texts,
                "stillhouse.recalled": hop.recalled,
            },
            start_time=clock.ns(hop.admitted),
        )
        if broken_off:
            _fail(span, record)
        within = trace.set_span_in_context(span, inside)
        for stage in stages:
            part = self._tracer.start_span(stage.name, within, start_time=clock.ns(stage.started))
            part.end(clock.ns(stage.ended))
        span.end(clock.ns(stages[-1].ended if stages else hop.admitted))


class _Clock:
    """Tells wall time, in nanoseconds since 1970, by the one instant that a record has twice."""

    def __init__(self, record: Record) -> None:
        self._ahead = record.at - record.ended

    def ns(self, seconds: float) -> int:
        return int((seconds + self._ahead) * 1e9)


def _fail(span: Span, record: Record) -> None:
    """Says of a span that it failed: as an error where it is the service's, as the field does."""
    if record.error is not None:
        span.set_attribute("error.type", record.error)
    if record.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.set_status(Status(StatusCode.ERROR))


def trace_id_of(traceparent: str | None) -> str | None:
    """The trace's id in a W3C header; None: there is none, or it is malformed."""
    found = _TRACEPARENT.match(traceparent) if traceparent else None
    return found[1] if found else None


def _stages(hop: Hop, broken_off: float | None) -> list[_Stage]:
    """The stages that were reached, each until the next; the last one until it was broken off."""
    reached = [("tokenize", hop.admitted), ("queue", hop.encoded), ("inference", hop.started)]
    begun = [(name, at) for name, at in reached if at]
    ends = [at for at in (hop.encoded, hop.started, hop.ended) if at]
    if broken_off is not None:
        ends.append(broken_off)
    return [
        _Stage(name, started, ended)
        for (name, started), ended in zip(begun, ends, strict=False)  # all recalled: no stage ends
    ]
