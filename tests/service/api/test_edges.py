"""What holds for every path: ids, keys, compression, the stop, errors, and the record."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

Connect = Callable[..., TestClient]
TEXTS = {"inputs": ["good film"] * 40, "model": "student"}
GOOD = json.dumps({"inputs": "good", "model": "student"}).encode()


def deflated(content: bytes) -> bytes:
    """As HTTP means `deflate`: in zlib's format."""
    return zlib.compress(content)


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", deflated)])
def test_compressed_bodies_are_read(
    client: TestClient, coding: str, pack: Callable[[bytes], bytes]
) -> None:
    """On every path; the answer is that of the plain body."""
    headers = {"content-encoding": coding}
    plain = client.post("/predict", content=GOOD).json()["predictions"]
    assert (
        client.post("/predict", content=pack(GOOD), headers=headers).json()["predictions"] == plain
    )
    tei = pack(b'{"inputs": "good"}')
    assert client.post("/tei/predict", content=tei, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("coding", "body", "status", "says"),
    [
        ("br", GOOD, 415, "identity, gzip or deflate"),
        ("gzip", b"no gzip", 422, "cannot be decompressed"),
        ("gzip", gzip.compress(GOOD, mtime=0)[:-4], 422, "cut off"),
        ("gzip", gzip.compress(b"x" * 3000, mtime=0), 413, "more than 2000 bytes"),
        ("deflate", deflated(b"x" * 3000), 413, "more than 2000 bytes"),
    ],
)
def test_bad_compressed_bodies(
    connect: Connect, coding: str, body: bytes, status: int, says: str
) -> None:
    """Refused with what to do; a small one that would be large is not made large."""
    client = connect(max_body_bytes=2000)
    response = client.post("/predict", content=body, headers={"content-encoding": coding})
    assert response.status_code == status
    assert says in response.json()["detail"]


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("deflate, gzip", "deflate"),
        ("br, gzip;q=0.5", "gzip"),
        ("identity", None),
        ("gzip;q=0", None),
    ],
)
def test_large_answers_are_compressed(
    client: TestClient, accepted: str, coding: str | None
) -> None:
    """Where the client takes it; it reads the same."""
    plain = client.post("/predict", json=TEXTS, headers={"accept-encoding": "identity"})
    response = client.post("/predict", json=TEXTS, headers={"accept-encoding": accepted})
    assert response.headers.get("content-encoding") == coding
    assert response.json()["predictions"] == plain.json()["predictions"]
    if coding is not None:
        assert int(response.headers["content-length"]) < len(plain.content) / 2


def test_small_answers_are_not(client: TestClient) -> None:
    """It would take time and win nothing."""
    response = client.post("/predict", content=GOOD, headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize(
    "path", ["/predict", "/models", "/nowhere", "/livez", "/v2/models/x/infer"]
)
def test_every_answer_has_an_id(client: TestClient, path: str) -> None:
    """The client's own, if it is one; else a new one."""
    mine = client.get(path, headers={"x-request-id": "mine-1"})
    assert mine.headers["x-request-id"] == "mine-1"
    bad = client.get(path, headers={"x-request-id": "no spaces"})
    assert len(bad.headers["x-request-id"]) == 32
    assert bad.headers["x-request-id"] != client.get(path).headers["x-request-id"]


def counted(client: TestClient, status: int) -> float:
    """Prediction requests with that status, by /metrics."""
    lines = client.get("/metrics").text.splitlines()
    return sum(
        float(line.rsplit(" ", 1)[1])
        for line in lines
        if line.startswith("stillhouse_requests_total{") and f'status="{status}"' in line
    )


def test_refusals_at_the_door_are_counted(connect: Connect) -> None:
    """A key that is missing and a body that is too large, on every path that predicts."""
    client = connect(api_keys="secret", max_body_bytes=100)
    for path in ("/predict", "/models/student", "/v2/models/student/infer", "/tei/predict"):
        assert client.post(path, content=GOOD).status_code == 401
    headers = {"authorization": "Bearer secret"}
    large = client.post("/predict", content=b"x" * 101, headers=headers)
    assert large.status_code == 413
    assert large.headers["connection"] == "close"
    assert client.get("/models").status_code == 401  # no prediction, and not counted as one
    assert counted(client, 401) == 4
    assert counted(client, 413) == 1


def test_failures_have_a_latency(client: TestClient) -> None:
    """Not only what was answered is timed."""
    client.post("/predict", json={"inputs": "good", "model": "nobody"})
    text = client.get("/metrics").text
    assert 'stillhouse_request_seconds_count{model="-",outcome="error"} 1.0' in text


def test_answers_close_their_connection_once_a_stop_has_begun(client: TestClient) -> None:
    """Predictions go on during the notice, and are refused after it."""
    service: Any = client.app.state.service  # type: ignore[attr-defined]  # Starlette's app
    assert "connection" not in client.post("/predict", content=GOOD).headers
    service.notice()
    assert client.get("/readyz").status_code == 503
    assert client.get("/livez").status_code == 200
    during = client.post("/predict", content=GOOD)
    assert (during.status_code, during.headers["connection"]) == (200, "close")
    service.close()
    after = client.post("/predict", content=GOOD)
    assert (after.status_code, after.headers["connection"]) == (503, "close")
    assert after.headers["retry-after"] == "1"


def test_defect_is_a_500_that_says_nothing_of_its_cause(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The cause is in the log, with the request's id."""
    client.app.state.service.predictor = None  # type: ignore[attr-defined]  # Starlette's app
    response = client.post("/predict", content=GOOD, headers={"x-request-id": "it-1"})
    assert response.status_code == 500
    assert response.json()["request_id"] == "it-1"
    assert "NoneType" not in response.text
    assert any(record.exc_info for record in caplog.records)
    assert counted(client, 500) == 1


def test_body_of_wrong_items_costs_no_more_than_one(client: TestClient) -> None:
    """A hundred thousand wrong items are one error, and so are as many unknown keys."""
    items = client.post("/predict", content=b'{"inputs": [' + b"1," * 99_999 + b"1]}")
    assert items.status_code == 422
    assert len(items.json()["errors"]) == 1
    keys = ",".join(f'"k{number}": 1' for number in range(50_000))
    response = client.post("/predict", content=f'{{"inputs": "good", {keys}}}')
    assert response.status_code == 422
    assert len(response.content) < 1000


def test_documents_and_page_can_be_switched_off(connect: Connect) -> None:
    """And so can each dialect."""
    client = connect(page=False, docs=False, dialects="tei")
    for path in ("/", "/docs", "/openapi.json", "/v2"):
        assert client.get(path).status_code == 404, path
    assert client.post("/models/student", json={"inputs": "good"}).status_code == 405
    assert client.post("/tei/predict", json={"inputs": "good"}).status_code == 200
    assert client.post("/predict", content=GOOD).status_code == 200


def test_other_origins_may_ask_where_that_is_set(connect: Connect) -> None:
    """A preflight needs no key, and errors can be read as well as answers."""
    client = connect(cors_origins="https://a.example", api_keys="secret")
    origin = {"origin": "https://a.example"}
    asked = {**origin, "access-control-request-method": "POST"}
    assert client.options("/predict", headers=asked).status_code == 200
    refused = client.post("/predict", content=GOOD, headers=origin)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://a.example"
    other = client.post("/predict", content=GOOD, headers={"origin": "https://b.example"})
    assert "access-control-allow-origin" not in other.headers


def test_root_path_is_none_of_the_routes(connect: Connect) -> None:
    """Behind a proxy that cuts a prefix off, keys and dialects are as without it."""
    client = connect(api_keys="secret")
    prefixed = TestClient(client.app, root_path="/models-api", raise_server_exceptions=False)
    assert prefixed.get("/models-api/livez").status_code == 200
    assert prefixed.get("/models-api/models").status_code == 401
    wrong = prefixed.post(
        "/models-api/v2/models/none/infer", content=b"{}", headers={"x-api-key": "secret"}
    )
    assert list(wrong.json()) == ["error"]


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-encoding": "gzip"}, b"no gzip"),
        ({}, b"x" * 3000),
        ({"content-encoding": "gzip", "range": "bytes=0-"}, gzip.compress(b"x" * 3000, mtime=0)),
    ],
)
def test_body_that_comes_with_a_get_spoils_no_answer(
    connect: Connect, headers: dict[str, str], body: bytes
) -> None:
    """It is nobody's: a file that is on its way is not broken off for it."""
    client = connect(max_body_bytes=2000)

    def parts() -> Iterator[bytes]:  # without a length, so that the door cannot refuse it
        yield body

    for path in ("/docs/swagger-ui.css", "/static/page.css", "/models"):
        response = client.request("GET", path, content=parts(), headers=headers)
        assert response.status_code in (200, 206)
        assert len(response.content) > 100
