"""Sessions of both engines, and what the library behind one of them does unasked."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from service.errors import FileError
from service.repository.manifest import MODEL_FILE
from service.repository.sections import Quantization
from service.runtime.engine import Bfloat16Session, adds_in_16_bits, open_session
from service.runtime.tasks.classification import Classifier
from tests.service.builders import publish_tiny

ROOT = Path(__file__).parents[3]
NAME = "ORT_DISABLE_TELEMETRY"
TEXTS = ["good", "bad film", "good good bad"]


def test_both_engines_answer_alike(tmp_path: Path) -> None:
    """Where the CPU has no bfloat16, OpenVINO computes in FP32."""
    directory = publish_tiny(tmp_path)
    exact, rounded = Classifier.load(directory), Classifier.load(directory, bfloat16=True)
    items = exact.encode(TEXTS)
    np.testing.assert_allclose(rounded.logits(items), exact.logits(items), atol=0.02)


def test_threads_share_a_session(tmp_path: Path) -> None:
    """It runs one after another, and each gets its own answer."""
    session = Bfloat16Session(publish_tiny(tmp_path) / MODEL_FILE, 1)

    def ask(length: int) -> Any:
        shape = (1, length)
        ones = np.ones(shape, np.int64)
        return session.run(None, {"input_ids": ones, "attention_mask": ones})[0]

    assert {node.name for node in session.get_inputs()} == {"input_ids", "attention_mask"}
    wanted = [ask(1 + number % 5) for number in range(60)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, (1 + number % 5 for number in range(60))))
    np.testing.assert_array_equal(np.vstack(found), np.vstack(wanted))


@pytest.mark.parametrize(
    ("machine", "flags", "may"),
    [
        ("x86_64", "fpu avx2", True),
        ("x86_64", "fpu avx2 avx512f avx512_vnni", False),
        ("AMD64", "avx2 avx_vnni", False),
        ("aarch64", "asimd", False),
        ("x86_64", None, True),
    ],
)
def test_who_adds_in_16_bits(tmp_path: Path, machine: str, flags: str | None, may: bool) -> None:
    """An x86 CPU without VNNI, and one of which nothing is known."""
    listed = tmp_path / "cpuinfo"
    if flags is not None:
        listed.write_text(f"processor : 0\nflags\t\t: {flags}\n\nprocessor : 1\n")
    assert adds_in_16_bits(machine, listed) is may


@pytest.mark.parametrize(("bits", "may", "said"), [(8, True, "1"), (8, False, "0"), (7, True, "0")])
def test_eight_bits_do_not_overflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bits: int, may: bool, said: str
) -> None:
    """Where they would, ONNX Runtime is told to multiply unsigned numbers."""
    monkeypatch.setattr("service.runtime.engine.adds_in_16_bits", lambda: may)
    session: Any = open_session(publish_tiny(tmp_path) / MODEL_FILE, 1, (), bits)
    key = "session.x64quantprecision"
    options = session.get_session_options()
    assert (options.get_session_config_entry(key) if said == "1" else "0") == said


@pytest.mark.parametrize(
    ("manifest", "bits"),
    [
        ({}, 7),
        ({"precision": "int8", "quantization": Quantization(activations="static")}, 7),
        (
            {
                "precision": "int8",
                "quantization": Quantization(activations="token", weight_bits=8),
            },
            8,
        ),
    ],
)
def test_the_session_is_told_of_eight_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, manifest: dict[str, Any], bits: int
) -> None:
    """As the manifest says it."""
    told = []

    def opened(model: Path, threads: int, disabled: Any, weight_bits: int) -> Any:
        told.append(weight_bits)
        return open_session(model, threads, disabled, weight_bits)

    monkeypatch.setattr("service.runtime.tasks.task.open_session", opened)
    Classifier.load(publish_tiny(tmp_path, **manifest))
    assert told == [bits]


def test_int8_is_not_run_in_bfloat16(tmp_path: Path) -> None:
    """It says so, and what to do."""
    with pytest.raises(FileError, match=r"tiny/1 is in INT8.*take it out of STILLHOUSE_BFLOAT16"):
        Classifier.load(publish_tiny(tmp_path, precision="int8"), bfloat16=True)


class Lonely(NamedTuple):
    """A process in a network of its own, in which there is nothing."""

    process: subprocess.Popen[str]
    home: Path

    def attempts(self) -> int:
        """How often it wanted to send something, and found no way."""
        lines = Path(f"/proc/{self.process.pid}/net/snmp").read_text().splitlines()
        names, values = (line.split() for line in lines if line.startswith("Ip:"))
        return int(values[names.index("OutNoRoutes")])

    def files(self) -> list[str]:
        """What it left in its home."""
        return [str(path.relative_to(self.home)) for path in self.home.rglob("*") if path.is_file()]


@contextmanager
def lonely(home: Path, script: str, model: Path) -> Iterator[Lonely]:
    """Runs a script that opens `model`, and stays until the test has looked."""
    home.mkdir()
    # No more than it needs: where it finds the marks of a CI's machine the library stays silent.
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")}
    process = subprocess.Popen(
        [
            *("unshare", "--net", "--map-root-user"),
            *(sys.executable, "-c", f"{script}\nprint('open', flush=True)\ninput()", str(model)),
        ],
        cwd=ROOT,
        env={**kept, "HOME": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        if not said:
            assert process.stderr is not None
            why = process.stderr.read()
            if "unshare" in why:
                pytest.skip(f"no network namespaces here: {why}")
            raise AssertionError(why)
        yield Lonely(process, home)
    finally:
        process.kill()
        process.communicate()


PLAIN = """
import sys, onnxruntime
kept = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
"""
OURS = {
    "service": """
import pathlib, sys
from service.runtime.tasks.classification import Classifier
kept = Classifier.load(pathlib.Path(sys.argv[1]).parent)
""",
    "service-first": f"import service.errors{PLAIN}",
    "export-first": f"import export.errors{PLAIN}",
    "openvino": """
import pathlib, sys
from service.runtime.tasks.classification import Classifier
kept = Classifier.load(pathlib.Path(sys.argv[1]).parent, bfloat16=True)
""",
    "engine": """
import pathlib, sys
from service.runtime.engine import open_session
kept = open_session(pathlib.Path(sys.argv[1]), 1)
""",
}


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
def test_nothing_is_reported_to_anybody(tmp_path: Path) -> None:
    """While ONNX Runtime as it comes tries to reach its maker, and keeps an event store.

    All run at the same time, so that ours had as long to try.
    """
    model = publish_tiny(tmp_path / "models") / MODEL_FILE
    with ExitStack() as stack:
        plain = stack.enter_context(lonely(tmp_path / "plain", PLAIN, model))
        ours = {
            name: stack.enter_context(lonely(tmp_path / name, script, model))
            for name, script in OURS.items()
        }
        give_up = time.monotonic() + 120
        while not plain.attempts():  # some seconds; or this shows nothing of ours
            assert time.monotonic() < give_up, "it reports nothing any more: is this needed still?"
            time.sleep(0.1)
        assert plain.files()
        assert {name: (one.attempts(), one.files()) for name, one in ours.items()} == {
            name: (0, []) for name in OURS
        }


@pytest.mark.parametrize("module", ["service", "export"])
def test_what_a_user_has_set_stays(module: str) -> None:
    """Whoever wants to report may."""
    script = f"import {module}, os; print(os.environ['{NAME}'])"
    for given, expected in (({}, "1"), ({NAME: "0"}, "0")):
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**{k: v for k, v in os.environ.items() if k != NAME}, **given},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == expected
