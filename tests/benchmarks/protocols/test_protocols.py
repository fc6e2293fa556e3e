"""The ways are all answered, and what was found becomes a table."""

import asyncio
from pathlib import Path

import pytest

from benchmarks.protocols.clients import over_grpc, over_http
from benchmarks.protocols.page import BEGIN, END, to_markdown
from benchmarks.protocols.ways import GRPC, WAYS
from benchmarks.table import write_between
from service.app import create_app
from service.settings import Settings
from tests.service.conftest import models, running

__all__ = ["models"]  # the fixture


def test_every_way_is_answered(models: Path) -> None:
    """By a service that knows the model; one that does not is a failure that says so."""
    pytest.importorskip(
        "tritonclient.grpc", reason="pip install tritonclient grpcio", exc_type=ImportError
    )
    app = create_app(Settings(models=models, threads=1, grpc_port=0))
    with running(app) as url:
        ports = {True: app.state.service.grpc_port, False: int(url.rpartition(":")[2])}
        for way, make in WAYS.items():
            over, port = (over_grpc if way == GRPC else over_http), ports[way == GRPC]
            heard = asyncio.run(over(port, [make("student", ["good", "bad"])], 2, 0.1))
            assert heard.failures == (), way
            assert len(heard.seconds) >= 2, way
            heard = asyncio.run(over(port, [make("nobody", ["good"])], 1, 0.05))
            assert "no model 'nobody'" in heard.failures[0], way
            assert heard.seconds == ()


def test_table(tmp_path: Path) -> None:
    """It stands between the marks of the page, with n and the conditions; nothing else changes."""
    row = {
        **{"way": GRPC, "texts": 1, "requests": 4242, "per_second": 700.4, "least": 650.0},
        **{"most": 720.0, "p50_ms": 1.234, "p99_ms": 9.0, "service_ms": 0.512},
        **{"client_busy": 0.61, "failures": ["Refused: no"]},
    }
    machine = {"server_core": 0, "client_core": 1, "cpu": "Some CPU", "cpus": 2}
    conditions = {"machine": {**machine, "server_core_busy": 0.03}}
    conditions |= {"started_at": "2026-01-01T00:00:00", "commit": "abc"}  # type: ignore[dict-item]
    plan = {"model": "student", "at_once": 32, "rounds": 7, "seconds": 6.0}
    table = to_markdown({"plan": plan, "conditions": conditions, "rows": [row]})
    assert "| 1 | gRPC; failed: Refused: no | 700 (650 to 720) | 1.23 ms |" in table
    assert "| 0.512 ms | 4,242 |" in table
    assert "7 rounds of 6 s" in table
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_between(page, BEGIN, END, table)
    assert page.read_text() == f"before\n{BEGIN}\n{table}{END}\nafter\n"
    page.write_text("no marks")
    with pytest.raises(RuntimeError, match="has no"):
        write_between(page, BEGIN, END, table)


def test_the_page_has_the_marks() -> None:
    """The page that the command writes to by default."""
    page = (Path(__file__).parents[3] / "docs" / "grpc.md").read_text()
    assert page.count(BEGIN) == page.count(END) == 1
