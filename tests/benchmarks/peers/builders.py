"""Fakes and made-up figures for the tests of the comparison."""

import os
import socket
import sys
from pathlib import Path

import pytest

from benchmarks.peers.catalogue import SERVER, Form
from benchmarks.peers.figures.results import (
    BareVisit,
    BatchSpeed,
    Comparison,
    Contender,
    Load,
    Machine,
    Served,
    Visit,
)
from benchmarks.peers.servers.contenders import Entrant
from benchmarks.peers.servers.server import Launch
from benchmarks.peers.session import Plan

FAKE = Path(__file__).with_name("fake_peer.py")
CORE = min(os.sched_getaffinity(0))
FORM = Form("/", lambda text: {"text": text}, lambda answer: str(answer["label"]))


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fake_entrant(name: str = "fake", kind: str = SERVER, **environment: str) -> Entrant:
    """The fake peer, with how it behaves."""
    port = free_port()
    command = (sys.executable, str(FAKE), str(port))
    return Entrant(
        make_contender(name, kind), Launch(name, command, None, environment, FORM, port), ("m",)
    )


def fake_wrk(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the fake wrk first on PATH."""
    wrk = directory / "wrk"
    wrk.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE}" wrk "$@"\n', encoding="utf-8")
    wrk.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")


def make_plan(rounds: int = 1, connections: tuple[int, ...] = (1, 2)) -> Plan:
    """One second each, server and load on one core."""
    return Plan(rounds, connections, 1, 1, CORE, CORE)


def make_contender(name: str, kind: str = SERVER) -> Contender:
    """A contender of version 1.0."""
    return Contender(name, kind, f"{name} serve", "/", "as is", {name: "1.0"}, {"B": "8"}, True)


def make_load(connections: int, rate: float, p99: float = 10.0, refused: int = 0) -> Load:
    """Ten seconds of answers."""
    return Load(connections, int(rate * 10), 10.0, rate, p99 / 2, p99, p99 * 2, refused, 0, 0)


def make_visit(
    contender: str, round_: int, *loads: Load, failure: str | None = None, rss: float = 100.0
) -> Visit:
    """A visit that took two seconds to start."""
    return Visit(contender, round_, 2.0, rss, rss, loads, failure)


def make_bare(round_: int, rate: float, one_text: float = 1.5) -> BareVisit:
    """Bare ONNX Runtime, fastest in eights."""
    return BareVisit(round_, (BatchSpeed(8, rate),), 8, rate, rate, rate / 2, one_text, 2.0)


def make_comparison(
    contenders: tuple[Contender, ...],
    visits: tuple[Visit, ...],
    bare: tuple[BareVisit, ...] = (),
    connections: tuple[int, ...] = (1, 32),
    model: str = "student",
) -> Comparison:
    """A comparison on a quiet machine."""
    return Comparison(
        model=Served(model, 1, "int8", "0" * 64),
        texts=204,
        texts_name="the built-in sentences",
        started_at="2026-01-02T03:04:05+00:00",
        finished_at="2026-01-02T03:14:05+00:00",
        machine=Machine("a CPU", 2, "6.1", 0, 1, 0.01, 0.02),
        wrk="wrk 4.1.0",
        rounds=3,
        connections=connections,
        seconds=10,
        warm_up_seconds=2,
        contenders=contenders,
        visits=visits,
        bare=bare,
        ratios=(),
    )
