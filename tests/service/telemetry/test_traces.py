"""Traces, received by a stand-in for a collector."""

import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from service.telemetry import traces as traces_module
from service.telemetry.record import Record
from service.telemetry.traces import Traces
from tests.service.telemetry.builders import answer, failed, hop, record

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{CALLER}-01"
AHEAD = 1_800_000_000.5 - 102.0  # of wall time, by the records' clock
ERROR = 2  # the status code, in the protocol

Spans = list[Any]
Export = Callable[[Sequence[Record]], tuple[list[str | None], Spans]]


@pytest.fixture
def export() -> Iterator[Export]:
    """Records requests; gives their trace ids, and the spans that a collector was sent."""
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

        def export(records: Sequence[Record]) -> tuple[list[str | None], Spans]:
            traces = Traces(f"http://127.0.0.1:{server.server_port}/v1/traces")
            traces.start()
            ids = [traces.record(each) for each in records]
            traces.stop()
            requests = [ExportTraceServiceRequest.FromString(body) for body in bodies]
            return ids, [
                span
                for request in requests
                for resource in request.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            ]

        yield export
        server.shutdown()
        thread.join()


def named(spans: Spans, name: str) -> Spans:
    """The spans of a name, the earliest first."""
    return sorted((s for s in spans if s.name == name), key=lambda s: s.start_time_unix_nano)


def times(span: Any) -> tuple[float, float]:
    """Start and end, on the records' clock."""
    return (
        round(span.start_time_unix_nano / 1e9 - AHEAD, 4),
        round(span.end_time_unix_nano / 1e9 - AHEAD, 4),
    )


def attributes(span: Any) -> dict[str, str | int]:
    """What it says of itself."""
    return {pair.key: pair.value.string_value or pair.value.int_value for pair in span.attributes}


def test_hops_and_stages_are_spans_at_the_times_they_had(export: Export) -> None:
    """A request is a span under the caller's, a hop one in it, a stage one in its hop."""
    first = hop("student", 3, 100.0, 100.25, 100.5, 100.75)
    second = hop("teacher", 7, 101.0, 101.125, 101.25, 101.75)
    ids, spans = export([record([answer()], [first, second], route="auto", traceparent=PARENT)])
    assert ids == [TRACE]
    assert {span.trace_id.hex() for span in spans} == {TRACE}
    (root,) = named(spans, "predict")
    assert root.parent_span_id.hex() == CALLER
    assert times(root) == (100.0, 102.0)
    assert attributes(root)["stillhouse.model"] == "auto"
    hops = named(spans, "hop")
    assert {span.parent_span_id for span in hops} == {root.span_id}
    assert [times(span) for span in hops] == [(100.0, 100.75), (101.0, 101.75)]
    said = [attributes(span) for span in hops]
    assert [(each["stillhouse.model"], each["stillhouse.version"]) for each in said] == [
        ("student", 3),
        ("teacher", 7),
    ]
    stages = {
        "tokenize": [(100.0, 100.25), (101.0, 101.125)],
        "queue": [(100.25, 100.5), (101.125, 101.25)],
        "inference": [(100.5, 100.75), (101.25, 101.75)],
    }
    for name, expected in stages.items():
        found = named(spans, name)
        assert [times(span) for span in found] == expected
        assert [span.parent_span_id for span in found] == [span.span_id for span in hops]
    assert len(spans) == 9
    assert not any(span.status.code for span in spans)


def test_failed_request_has_spans_until_it_failed(export: Export) -> None:
    """With what it failed of, where it failed; the stage it was in ends with it."""
    first = hop("student", 3, 100.0, 100.25, 100.5, 100.75)
    waited = hop("teacher", 7, 101.0, 101.25)
    (trace_id,), spans = export([failed(504, "DeadlineExceeded", hops=[first, waited])])
    (root,) = named(spans, "predict")
    assert root.trace_id.hex() == trace_id
    assert attributes(root)["http.response.status_code"] == 504
    assert attributes(root)["error.type"] == "DeadlineExceeded"
    assert root.status.code == ERROR
    good, broken = named(spans, "hop")
    assert (good.status.code, broken.status.code) == (0, ERROR)
    assert attributes(broken)["error.type"] == "DeadlineExceeded"
    assert times(broken) == (101.0, 102.0)
    assert [times(span) for span in named(spans, "queue")] == [(100.25, 100.5), (101.25, 102.0)]
    assert len(named(spans, "inference")) == 1


def test_refused_request_is_a_span_without_hops(export: Export) -> None:
    """It is the client's error, not the service's, as OpenTelemetry has it."""
    _, spans = export([failed(401, "Unauthorised", route="-"), record(predicts=False)])
    (root,) = spans
    assert (attributes(root)["error.type"], root.status.code) == ("Unauthorised", 0)


def test_texts_that_were_recalled_ran_no_stage(export: Export) -> None:
    """What did not happen has no span."""
    _, spans = export([record([answer()], [hop("student", 3, 100.0, recalled=1)])])
    assert sorted(span.name for span in spans) == ["hop", "predict"]
    assert attributes(named(spans, "hop")[0])["stillhouse.recalled"] == 1


def test_caller_that_does_not_sample_is_heeded(export: Export) -> None:
    """Its request sends nothing, and its log line still names its trace."""
    ids, spans = export([record([answer()], [], traceparent=f"00-{TRACE}-{CALLER}-00")])
    assert (ids, spans) == ([TRACE], [])


def test_no_text_is_in_a_trace(export: Export) -> None:
    """Not even where they are wanted in the log."""
    _, spans = export([record([answer()], [], texts=["secret words"])])
    assert "secret words" not in "".join(map(str, spans))


def test_no_traces_without_an_endpoint() -> None:
    """Without an endpoint nothing is made, and the SDK sends nothing."""
    traces = Traces(None)
    traces.start()
    assert traces.record(record([answer()], [hop("student", 3, 100.0)])) is None
    traces.stop()


def test_collector_that_is_gone_holds_up_no_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it was not sent in time is lost; the process ends."""
    monkeypatch.setattr(traces_module, "STOP_SECONDS", 0.05)
    answered = threading.Event()

    def wait() -> None:
        answered.wait()

    traces = Traces(None)
    traces._shutdown = wait
    stopping = threading.Thread(target=traces.stop)
    stopping.start()
    stopping.join(timeout=30)
    stopped = not stopping.is_alive()
    answered.set()
    assert stopped
