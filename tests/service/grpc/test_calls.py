"""What is around every call: id, deadline, cancellation, bounds, errors, and the record."""

import asyncio
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip(
    "tritonclient.grpc", reason="pip install tritonclient grpcio", exc_type=ImportError
)
from service import errors
from service.api.grpc.codes import CODES
from service.api.problems import STATUS
from service.serving.shapes import Ask
from tests.service.grpc.conftest import Speak, Spoken, failure, text_input
from tests.service.serving.apps import eventually
from tests.service.telemetry.builders import value

PATH = "/inference.GRPCInferenceService/ModelInfer"
LONG = 600.0


class Holding:
    """A predictor that answers nothing.

    Attributes:
        asks: that came.
        ended: of them, those that were told to end.
    """

    def __init__(self, error: Exception | None = None) -> None:
        self.asks: list[Ask] = []
        self.came = threading.Event()
        self.ended = threading.Event()
        self.left = 0.0
        self._error = error

    async def answer(self, ask: Ask, *_: object) -> list[Any]:
        """Waits until it is told to end, or raises its error."""
        self.left = ask.deadline - time.monotonic()
        self.asks.append(ask)
        self.came.set()
        if self._error is not None:
            raise self._error
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()
        return []


def hold(spoken: Spoken, error: Exception | None = None) -> Holding:
    """Puts a predictor that answers nothing in the place of the service's own."""
    holding = spoken.service.predictor = Holding(error)  # type: ignore[assignment]  # a fake
    return holding


def counted(spoken: Spoken, name: str, **labels: object) -> float | None:
    """A metric, as Prometheus would read it."""
    with urllib.request.urlopen(f"{spoken.url}/metrics") as found:  # noqa: S310  ours
        return value(found.read(), name, **labels)


def until_counted(spoken: Spoken, times: int, name: str, **labels: object) -> None:
    """Waits for a metric: a client may have its answer before the call is counted."""
    eventually(lambda: counted(spoken, name, **labels) == times)


def call(spoken: Spoken, *metadata: tuple[str, str], model: str = "student", **options: Any) -> Any:
    """A call of `ModelInfer`, on its way."""
    import grpc
    from tritonclient.grpc import service_pb2, service_pb2_grpc

    stub = service_pb2_grpc.GRPCInferenceServiceStub(grpc.insecure_channel(spoken.address))
    return stub.ModelInfer.future(message(service_pb2, model), metadata=metadata, **options)


def message(made: Any, model: str = "student") -> Any:
    """One text, of Triton's own messages."""
    tensor = made.ModelInferRequest.InferInputTensor(name="text", datatype="BYTES", shape=[1])
    return made.ModelInferRequest(
        model_name=model, inputs=[tensor], raw_input_contents=[b"\x04\0\0\0good"]
    )


def test_id_is_taken_or_made(spoken: Spoken) -> None:
    """It comes back with the answer, and with an error."""
    with_own = call(spoken, ("x-request-id", "mine"))
    assert with_own.result().model_name == "student"
    assert dict(with_own.trailing_metadata())["x-request-id"] == "mine"
    assert dict(call(spoken).trailing_metadata())["x-request-id"]
    hold(spoken, errors.InvalidInput("no"))
    failed = call(spoken, ("x-request-id", "other"))
    assert failed.details() == "no"
    assert dict(failed.trailing_metadata())["x-request-id"] == "other"


def test_calls_are_recorded(spoken: Spoken) -> None:
    """A prediction is counted as one over HTTP is; what is none is no prediction."""
    spoken.client.infer("student", [text_input(["good", "bad"])])
    spoken.client.is_server_live()
    assert failure(spoken.client.infer, "nope", [text_input(["x"])])[0] == "NOT_FOUND"
    until_counted(spoken, 1, "requests_total", model="student", status=200)
    until_counted(spoken, 2, "texts_total", model="student", version=1)
    until_counted(spoken, 1, "requests_total", model="-", status=404)
    until_counted(spoken, 1, "rejected_total", reason="UnknownModel")
    assert counted(spoken, "requests_total", model="-", status=200) is None


def test_deadline_is_the_calls_and_never_longer_than_the_services(speak: Speak) -> None:
    """A client's own, in either form, shortens it; it does not lengthen it."""
    spoken = speak(timeout_ms=60_000)
    holding = hold(spoken, errors.DeadlineExceeded("late"))
    for options, least, most in (
        ({}, 50, 60),
        ({"timeout": LONG}, 50, 60),
        ({"timeout": 30}, 20, 31),  # grpc sends it rounded
    ):
        assert call(spoken, **options).code().name == "DEADLINE_EXCEEDED"
        assert least < holding.left <= most
    call(spoken, ("x-request-timeout-ms", "7000")).code()
    assert 0 < holding.left <= 7
    wrong = call(spoken, ("x-request-timeout-ms", "soon"))
    assert wrong.code().name == "INVALID_ARGUMENT"


def test_time_that_is_up_ends_the_work(spoken: Spoken) -> None:
    """What nobody waits for any more is not done, and counts as late."""
    holding = hold(spoken)
    assert call(spoken, timeout=0.3).code().name == "DEADLINE_EXCEEDED"
    assert holding.ended.wait(60)
    until_counted(spoken, 1, "requests_total", model="student", status=504)


def test_client_that_leaves_ends_the_work(spoken: Spoken) -> None:
    """It is no failure of the service."""
    holding = hold(spoken)
    running = call(spoken)
    assert holding.came.wait(60)
    assert not holding.ended.is_set()
    running.cancel()
    assert holding.ended.wait(60)
    until_counted(spoken, 1, "requests_total", model="student", status=499)
    until_counted(spoken, 1, "rejected_total", reason="ClientGone")


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_messages_are_bounded(
    speak: Speak, compression: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """One over the limit is refused and counted, by us or by gRPC; packed ones likewise."""
    spoken = speak(max_body_bytes=2000)

    def infer(size: int) -> object:
        tensor = text_input(["x" * size])
        return spoken.client.infer("student", [tensor], compression_algorithm=compression)

    infer(1800)
    code, says = failure(infer, 2100)
    assert (code, says) == ("RESOURCE_EXHAUSTED", "the body has more than 2000 bytes")
    until_counted(spoken, 1, "rejected_total", reason="BodyTooLarge")
    code, says = failure(infer, 1 << 20)  # grpc's own word: it is not taken into memory
    assert (code, "the body has" in says) == ("RESOURCE_EXHAUSTED", False)
    until_counted(spoken, 2, "rejected_total", reason="BodyTooLarge")
    until_counted(spoken, 2, "requests_total", model="-", status=413)
    assert "Traceback" not in caplog.text


def test_message_that_does_not_come_is_not_waited_for(speak: Speak) -> None:
    """Nor is one of a client without a key; one that has none to send is told so."""
    import grpc

    spoken = speak(body_seconds=0.2, api_keys="key")
    stopped = threading.Event()

    def never() -> Iterator[bytes]:
        stopped.wait(LONG)
        yield b""

    key = (("x-api-key", "key"),)
    with grpc.insecure_channel(spoken.address) as channel:
        stream = channel.stream_unary(PATH)
        for requests, metadata, code, says in (
            (never(), key, "DEADLINE_EXCEEDED", "the message did not arrive"),
            (never(), (), "UNAUTHENTICATED", "this needs a key"),
            (iter(()), key, "INVALID_ARGUMENT", "the call came without"),
        ):
            with pytest.raises(grpc.RpcError) as raised:
                stream(requests, metadata=metadata, timeout=15)
            assert raised.value.code().name == code
            assert raised.value.details().startswith(says)  # and not the client's own patience
        stopped.set()
    until_counted(spoken, 1, "rejected_total", reason="BodyTooSlow")


def test_what_is_no_message_is_refused(spoken: Spoken) -> None:
    """Bytes that are not of the protocol's form are the client's fault."""
    import grpc

    unary = grpc.insecure_channel(spoken.address).unary_unary(PATH)
    with pytest.raises(grpc.RpcError) as raised:
        unary(b"\xff\xff\xff")
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    unknown = grpc.insecure_channel(spoken.address).unary_unary(PATH.replace("Infer", "Guess"))
    with pytest.raises(grpc.RpcError) as raised:
        unknown(b"")
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_overload_says_when_to_come_again(spoken: Spoken) -> None:
    """In seconds, and in the form that gRPC's own retries go by."""
    hold(spoken, errors.Overloaded("the queue is full", retry_after=2.5))
    refused = call(spoken)
    assert (refused.code().name, refused.details()) == ("RESOURCE_EXHAUSTED", "the queue is full")
    found = dict(refused.trailing_metadata())
    assert (found["retry-after"], found["grpc-retry-pushback-ms"]) == ("3", "3000")


def test_fault_of_ours_is_not_shown(spoken: Spoken) -> None:
    """The client learns that it was ours, and the log what it was."""
    hold(spoken, RuntimeError("a text of somebody's"))
    code, says = failure(spoken.client.infer, "student", [text_input(["good"])])
    assert (code, says) == ("INTERNAL", "the service failed; see its log")


def test_long_message_is_cut(spoken: Spoken) -> None:
    """It travels as a header, and a client refuses those that are too large."""
    hold(spoken, errors.InvalidInput("ö" * 100_000))
    code, says = failure(spoken.client.infer, "student", [text_input(["good"])])
    assert code == "INVALID_ARGUMENT"
    assert set(says) == {"ö"}


def test_degraded_answers_are_told(models: Any, speak: Speak) -> None:
    """By their places, as HTTP tells them in a header."""
    from service.repository.routes import Target
    from tests.service.builders import write_cascade

    write_cascade(models, threshold=0.99, overload="answer", objective_ms=60_000)
    spoken = speak()
    teacher = spoken.service.registry.find(Target("teacher", 1)).loaded
    assert teacher is not None
    before = teacher.batcher.token_seconds
    teacher.admission.tokens, teacher.batcher.token_seconds = 1000.0, 1000.0
    try:
        unsure = call(spoken, model="auto")
        assert unsure.result().model_name == "auto"
        assert dict(unsure.trailing_metadata())["x-stillhouse-degraded"] == "0"
        alone = call(spoken)
        assert "x-stillhouse-degraded" not in dict(alone.trailing_metadata())
    finally:
        teacher.admission.tokens, teacher.batcher.token_seconds = 0.0, before


def test_closed_service_refuses(spoken: Spoken) -> None:
    """Predictions end at the close, before the port does."""
    spoken.service.close()
    code, says = failure(spoken.client.infer, "student", [text_input(["good"])])
    assert (code, says) == ("UNAVAILABLE", "the service is stopping")


def test_every_error_has_a_code() -> None:
    """What HTTP has a status for has a code, but for what only HTTP has."""
    only_http = {"UnreadableEncoding", "RequestValidationError"}
    assert {kind.__name__ for kind in STATUS} - only_http == {kind.__name__ for kind in CODES}
