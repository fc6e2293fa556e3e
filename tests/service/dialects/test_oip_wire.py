"""The Open Inference Protocol's bodies, well formed and not, byte by byte."""

import json
import struct
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

URL = "/v2/models/teacher/infer"
HEADER = "Inference-Header-Content-Length"


def post_json(client: TestClient, *, shape: object, data: object, **tensor: object) -> Any:
    """Posts one input as JSON."""
    fields = {"name": "text", "shape": shape, "datatype": "BYTES", "data": data, **tensor}
    return client.post(URL, json={"inputs": [fields]})


def post_binary(
    client: TestClient,
    content: bytes,
    *,
    size: int | None = None,
    length: object = None,
    n: int = 1,
    **fields: object,
) -> Any:
    """Posts `content` after the JSON, its lengths stated truly unless told otherwise."""
    tensor = {
        "name": "text",
        "shape": [n],
        "datatype": "BYTES",
        "parameters": {"binary_data_size": len(content) if size is None else size},
        **fields,
    }
    head = json.dumps({"inputs": [tensor]}).encode()
    stated = len(head) if length is None else length
    return client.post(URL, content=head + content, headers={HEADER: str(stated)})


def element(text: bytes, length: int | None = None) -> bytes:
    """One BYTES element."""
    return struct.pack("<I", len(text) if length is None else length) + text


@pytest.mark.parametrize(
    ("shape", "data"),
    [([2], ["good", "bad"]), ([2, 1], ["good", "bad"]), ([2, 1], [["good"], ["bad"]])],
)
def test_flat_or_nested(client: TestClient, shape: list[int], data: object) -> None:
    """Data is read flat or nested as the shape is, and JSON comes where JSON went."""
    response = post_json(client, shape=shape, data=data)
    assert response.headers["content-type"] == "application/json"
    label, score, scores = response.json()["outputs"]
    assert label == {
        "name": "label",
        "shape": [2],
        "datatype": "BYTES",
        "data": ["positive", "negative"],
    }
    assert (score["shape"], scores["shape"], len(scores["data"])) == ([2], [2, 2], 4)


@pytest.mark.parametrize(
    ("shape", "data", "says"),
    [
        ([2], ["good"], "the shape [2], but 1 elements"),
        ([1], ["good", "bad"], "the shape [1], but 2 elements"),
        ([2], [["good"], ["bad"]], "not nested as the shape [2] is"),
        ([2, 1], [["good", "bad"]], "not nested as the shape [2, 1] is"),
        ([2, 1], [["good"], "bad"], "data.rows.1: Input should be a valid array"),
        ([1, 1], [[["good"]]], "data.rows.0.0: Input should be a valid string"),
        ([1], [5], "data.elements.0: Input should be a valid string"),
        ([0], [], "the shape [n] or [n, 1]"),
        ([-1], ["good"], "the shape [n] or [n, 1]"),
        ([], ["good"], "the shape [n] or [n, 1]"),
        ([1, 1, 1], ["good"], "the shape [n] or [n, 1]"),
        (["one"], ["good"], "inputs.0.shape.0: Input should be a valid integer"),
        ([129], ["good"] * 129, "129 texts; at most 128"),
    ],
)
def test_shapes_that_lie(client: TestClient, shape: object, data: object, says: str) -> None:
    """A shape that the data does not have is refused with both."""
    response = post_json(client, shape=shape, data=data)
    assert response.status_code == 400
    assert says in response.json()["error"]


def test_binary_response_only_where_asked(client: TestClient) -> None:
    """Binary input alone gets JSON; `binary_data_output` gets bytes with their lengths."""
    plain = post_binary(client, element(b"good"))
    assert plain.json()["outputs"][0]["data"] == ["positive"]
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": ["good"]}
    body = {"inputs": [tensor], "parameters": {"binary_data_output": True}}
    response = client.post(URL, json=body)
    assert response.headers["content-type"] == "application/octet-stream"
    length = int(response.headers[HEADER])
    outputs = json.loads(response.content[:length])["outputs"]
    assert [output["parameters"]["binary_data_size"] for output in outputs] == [12, 4, 8]
    assert not any("data" in output for output in outputs)
    assert response.content[length : length + 12] == element(b"positive")
    assert len(response.content) == length + 24


@pytest.mark.parametrize(
    ("content", "stated", "says"),
    [
        (element(b"good", 5), {}, "element 0 of input 'text': 5 bytes, but 4 are left"),
        (element(b"good", 2**32 - 1), {}, "4294967295 bytes, but 4 are left"),
        (element(b"good") + b"\1\0", {"n": 2}, "element 1 of input 'text': its length is cut off"),
        (element(b"go\xffd"), {}, "element 0 of input 'text': not UTF-8"),
        (element(b"good"), {"n": 2}, "the shape [2], but 1 elements"),
        (element(b"good") * 2, {"n": 1}, "the shape [1], but 8 bytes follow its elements"),
        (element(b"good"), {"size": 9}, "binary_data_size is 9, but 8 bytes follow"),
        (element(b"good"), {"size": 7}, "binary_data_size is 7, but 8 bytes follow"),
        (element(b"good"), {"size": -1}, "binary_data_size: Input should be greater"),
        (b"", {}, "the shape [1], but 0 elements"),
        (element(b""), {}, "text 0 is empty"),
        (element(b"good"), {"length": 5}, "Invalid JSON"),
        (element(b"good"), {"length": 9999}, "says 9999 bytes; the body has"),
        (element(b"good"), {"length": -1}, "not a number of bytes"),
        (element(b"good"), {"length": "9" * 5000}, "not a number of bytes"),
        (element(b"good"), {"length": "ten"}, "not a number of bytes"),
    ],
)
def test_lengths_that_lie(
    client: TestClient, content: bytes, stated: dict[str, Any], says: str
) -> None:
    """A length that is cut off, too long or not a length is refused, and says which."""
    response = post_binary(client, content, **stated)
    assert response.status_code == 400
    assert says in response.json()["error"]


@pytest.mark.parametrize(
    ("tensor", "outputs", "rest", "says"),
    [
        ({"data": ["good"]}, None, b"rest", "4 bytes after the JSON belong to no input"),
        (
            {"data": ["good"], "parameters": {"binary_data_size": 4}},
            None,
            b"rest",
            "both data and binary_data_size",
        ),
        ({}, None, b"", "neither data nor binary_data_size"),
        ({"data": ["good"]}, ["label", "label"], b"", "output 'label' is asked for twice"),
    ],
)
def test_parts_that_disagree(
    client: TestClient, tensor: dict[str, Any], outputs: list[str] | None, rest: bytes, says: str
) -> None:
    """A tensor given twice or not at all, bytes of no tensor, and an output twice are refused."""
    body: dict[str, Any] = {
        "inputs": [{"name": "text", "shape": [1], "datatype": "BYTES"} | tensor]
    }
    if outputs:
        body["outputs"] = [{"name": name} for name in outputs]
    head = json.dumps(body).encode()
    response = client.post(URL, content=head + rest, headers={HEADER: str(len(head))})
    assert response.status_code == 400
    assert says in response.json()["error"]


@pytest.mark.parametrize("text", ["good film", "gööd 🎬 good", "4\0\0\0good"])
def test_raw_body_is_one_text(client: TestClient, text: str) -> None:
    """Without any JSON the body is a text, whole, and all outputs come in binary."""
    response = client.post(URL, content=text.encode(), headers={HEADER: "0"})
    assert response.status_code == 200, response.text
    length = int(response.headers[HEADER])
    told = json.loads(response.content[:length])
    assert [output["name"] for output in told["outputs"]] == ["label", "score", "scores"]
    sizes = [output["parameters"]["binary_data_size"] for output in told["outputs"]]
    assert len(response.content) == length + sum(sizes)
    plain = post_json(client, shape=[1], data=[text]).json()["outputs"]
    scores = struct.unpack("<2f", response.content[-8:])
    assert list(scores) == pytest.approx(plain[2]["data"])
    assert response.content[length : length + sizes[0]] == element(plain[0]["data"][0].encode())


@pytest.mark.parametrize(
    ("content", "says"), [(b"", "text 0 is empty"), (b" \n", "text 0 is empty"), (b"\xff", "UTF-8")]
)
def test_raw_bodies_that_are_no_text(client: TestClient, content: bytes, says: str) -> None:
    """A raw body is refused as any text would be."""
    response = client.post(URL, content=content, headers={HEADER: "0"})
    assert response.status_code == 400
    assert says in response.json()["error"]


@given(content=st.binary(max_size=64), length=st.integers(0, 200), n=st.integers(1, 3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_break_the_reader(client: TestClient, content: bytes, length: int, n: int) -> None:
    """Whatever follows the JSON, and wherever it is said to end, the answer is 200 or 400."""
    for stated in (None, length):
        response = post_binary(client, content, length=stated, n=n)
        assert response.status_code in (200, 400)


def test_not_ready(client: TestClient) -> None:
    """While stopping neither server nor models are ready, and the server is still live."""
    client.app.state.service.stopping = True  # type: ignore[attr-defined]  # Starlette's app
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").status_code == 503
    response = client.get("/v2/models/student/ready")
    assert (response.status_code, "error" in response.json()) == (503, True)


def test_probes_may_ask_with_head(client: TestClient) -> None:
    """A balancer that sends HEAD gets the status alone."""
    paths = ("/v2/health/live", "/v2/health/ready", "/v2/models/student/ready")
    for path in (*paths, "/v2/models/student/versions/1/ready"):
        response = client.head(path)
        assert (response.status_code, response.content) == (200, b"")
