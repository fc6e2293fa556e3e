"""The playground page and its live figures, through HTTP."""

import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.api.page import FOLDER
from tests.service.builders import write_cascade

FILES = sorted(path.name for path in FOLDER.iterdir())


class References(HTMLParser):
    """Collects what a page refers to, and what is inline in it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        values = dict(attrs)
        self.found += [values[name] or "" for name in ("src", "href") if name in values]
        self.inline += [name for name in values if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in values):
            self.inline.append(tag)


@pytest.mark.parametrize("path", ["/", *(f"/static/{name}" for name in FILES)])
def test_files_have_strict_headers(client: TestClient, path: str) -> None:
    """Every file of the page forbids inline code, framing, sniffing and referrers."""
    response = client.get(path)
    assert response.status_code == 200
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "http" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert "camera=()" in response.headers["permissions-policy"]


def test_page_is_kept_and_asked_about(client: TestClient) -> None:
    """A browser keeps the page and asks each time; unchanged, it gets 304 and no body."""
    first = client.get("/")
    assert first.headers["cache-control"] == "no-cache"
    assert first.headers["content-type"] == "text/html; charset=utf-8"
    again = client.get("/", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "content-security-policy" in again.headers
    assert client.head("/").status_code == 200


def test_unknown_file_is_a_problem_document(client: TestClient) -> None:
    """A file that is not there, or not in the folder, gets 404 in the form of every error."""
    for path in ("/static/nope.js", "/static/%2e%2e/app.py", "/static/"):
        response = client.get(path)
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"


def test_page_refers_to_its_own_files_only() -> None:
    """What the page loads is in its folder, by relative address, and nothing is inline."""
    references = References()
    references.feed((FOLDER / "index.html").read_text(encoding="utf-8"))
    assert references.inline == []
    files = {found for found in references.found if found.startswith("static/")}
    links = set(references.found) - files
    assert files == {"static/icon.svg", "static/page.css", "static/page.js"}
    assert links == {"docs", "metrics"}


@pytest.mark.parametrize("name", FILES)
def test_files_name_no_other_host(name: str) -> None:
    """No file names an address outside, but for the names of XML's vocabularies."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert set(re.findall(r"(?:https?:)?//\w[^\s\"'<>)]*\.\w+[^\s\"'<>)]*", text)) <= {
        "http://www.w3.org/2000/svg"
    }
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
    imported = re.findall(r'from "\./([^"]+)"', text)
    assert set(imported) <= set(FILES)


def test_stats_after_known_requests(client: TestClient) -> None:
    """Requests, texts and errors are counted by route, with times, for this process."""
    empty = client.get("/stats").json()
    assert empty["routes"] == {}
    assert empty["overall"]["p99_ms"] is None
    for _ in range(3):
        client.post("/predict", json={"inputs": ["good", "bad"], "model": "teacher"})
    client.post("/predict", json={"inputs": "good"})
    client.post("/predict", json={"inputs": " ", "model": "student"})
    client.post("/predict", json={"inputs": "good", "model": "no-such-model"})
    body = client.get("/stats").json()
    assert body["pid"] == os.getpid()
    assert 1 <= body["seconds"] <= 60
    counts = {
        name: (route["requests"], route["texts"], route["errors"])
        for name, route in body["routes"].items()
    }
    assert counts == {"-": (1, 0, 1), "student": (2, 1, 1), "teacher": (3, 6, 0)}
    overall = body["overall"]
    assert (overall["requests"], overall["texts"], overall["errors"]) == (6, 7, 2)
    assert overall["requests_per_second"] == pytest.approx(6 / body["seconds"], abs=0.01)
    assert overall["texts_per_second"] == pytest.approx(7 / body["seconds"], abs=0.01)
    assert 0 < overall["p50_ms"] <= overall["p99_ms"]


def test_stats_tell_the_share_escalated(models: Path, connect: Callable[..., TestClient]) -> None:
    """The share escalated is of the cascade's texts, and of all texts."""
    write_cascade(models, threshold=0.8)
    client = connect()
    texts = ["good", "good good", "bad", "good good good"]  # student: 0.73, 0.88, 0.73, 0.95
    client.post("/predict", json={"inputs": texts, "model": "auto"})
    client.post("/predict", json={"inputs": texts, "model": "student"})
    body = client.get("/stats").json()
    assert body["routes"]["auto"]["escalated_share"] == 0.5
    assert body["routes"]["student"]["escalated_share"] == 0.0
    assert body["overall"]["escalated_share"] == 0.25
