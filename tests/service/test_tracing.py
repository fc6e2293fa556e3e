"""Traces, received by a stand-in for a collector."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from service.app import create_app
from service.settings import Settings

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """The URL of a collector, and the bodies that it was sent."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", bodies
        server.shutdown()
        thread.join()


def test_request_and_stages_are_spans_of_the_callers_trace(
    models: Path, collector: tuple[str, list[bytes]]
) -> None:
    """A request is a span under the caller's, with a child for each stage, sent by the stop."""
    endpoint, bodies = collector
    settings = Settings(models=models, threads=1, otlp_endpoint=endpoint)
    with TestClient(create_app(settings)) as client:
        headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
        body = {"inputs": "secret words"}
        assert client.post("/predict", json=body, headers=headers).status_code == 200
    exported = [ExportTraceServiceRequest.FromString(body) for body in bodies]
    spans = [
        span
        for request in exported
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert sorted(span.name for span in spans) == ["inference", "predict", "queue", "tokenize"]
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    (root,) = (span for span in spans if span.name == "predict")
    assert root.parent_span_id.hex() == "b7ad6b7169203331"
    assert {span.parent_span_id for span in spans if span is not root} == {root.span_id}
    assert b"secret words" not in b"".join(bodies)


def test_no_traces_without_an_endpoint(
    connect: Callable[..., TestClient], collector: tuple[str, list[bytes]]
) -> None:
    """Without an endpoint nothing is sent anywhere."""
    connect().post("/predict", json={"inputs": "good"})
    assert collector[1] == []
