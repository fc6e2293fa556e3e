"""What runs a model's graph on the CPU: ONNX Runtime, or OpenVINO in bfloat16 where that is asked.

Sessions of both are used alike, by several threads. Knows nothing of models' labels or texts.
"""

import os
import platform
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

from service.errors import StillhouseError

# Read once, when the library is imported: without it, opening a session reports to its maker.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

NAME = "STILLHOUSE_BFLOAT16"
X86 = ("x86_64", "amd64")
CPUINFO = Path("/proc/cpuinfo")


class EngineError(StillhouseError):
    """An engine was asked for that this machine does not have."""


class Node(Protocol):
    """An input of a graph."""

    @property
    def name(self) -> str:
        """As the graph calls it."""


class Session(Protocol):
    """A graph that can be run: what is used of `onnxruntime.InferenceSession`."""

    def get_inputs(self) -> Sequence[Node]:
        """The inputs that it takes."""

    def run(
        self, outputs: Sequence[str] | None, feed: Mapping[str, npt.NDArray[Any]]
    ) -> Sequence[Any]:
        """The named outputs, or all, as arrays."""


class _Input(NamedTuple):
    name: str


def open_session(
    model: Path, threads: int, disabled_optimizers: Sequence[str] = (), weight_bits: int = 7
) -> Session:
    """An ONNX Runtime session on the CPU that leaves idle cores idle.

    Args:
        disabled_optimizers: names of ONNX Runtime's that leave this graph as it is.
        weight_bits: of INT8 weights. With 8 the sum of two products does not fit the 16 bits in
            which x86 CPUs without VNNI add them; those have products of unsigned numbers, which
            are slower.
    """
    options = onnxruntime.SessionOptions()
    if weight_bits == 8 and adds_in_16_bits():
        options.add_session_config_entry("session.x64quantprecision", "1")
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what fails is raised, and logged in the form of all lines
    # Spinning threads of one model take the cores that another needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session: Session = onnxruntime.InferenceSession(
        str(model),
        sess_options=options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=list(disabled_optimizers),
    )
    return session


def adds_in_16_bits(machine: str = platform.machine(), cpuinfo: Path = CPUINFO) -> bool:
    """Whether this CPU may overflow where it multiplies unsigned with signed 8 bits.

    Args:
        machine: its architecture, as the platform calls it.
        cpuinfo: where Linux lists its features; elsewhere nothing is known, and it may.
    """
    if machine.lower() not in X86:
        return False
    try:
        said = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    features = {
        word for line in said.splitlines() if line.startswith("flags") for word in line.split()
    }
    return not features & {"avx_vnni", "avx512_vnni"}


class Bfloat16Session:
    """A graph that OpenVINO runs in bfloat16: the shipped teacher 3 times as fast, given AMX.

    Weights and activations are rounded to 8 bits of mantissa, so that probabilities differ a
    little from those of FP32, and with what a text is batched (docs/experiments.md). A shape that
    is new takes half as long again.
    """

    def __init__(self, model: Path, threads: int) -> None:
        compiled = _core().compile_model(
            str(model),
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "bf16",
                "INFERENCE_NUM_THREADS": threads,
                "NUM_STREAMS": 1,
                "ENABLE_CPU_PINNING": False,
            },
        )
        self._inputs = [_Input(node.any_name) for node in compiled.inputs]
        self._request = compiled.create_infer_request()
        self._lock = threading.Lock()  # a request runs once at a time

    def get_inputs(self) -> Sequence[Node]:
        """The inputs that it takes."""
        return self._inputs

    def run(
        self, outputs: Sequence[str] | None, feed: Mapping[str, npt.NDArray[Any]]
    ) -> Sequence[Any]:
        """The named outputs, or all, as arrays."""
        with self._lock:
            found = self._request.infer(dict(feed))
        return list(found.values()) if outputs is None else [found[name] for name in outputs]


def check_bfloat16() -> None:
    """Raises EngineError, which says what to do, unless models can be run in bfloat16 here."""
    if "BF16" not in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise EngineError(f"this CPU has no instructions for bfloat16: unset {NAME}")


def _core() -> Any:
    # To import OpenVINO is to report to its maker, unless it finds this package missing.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # as importlib has it
    try:
        from openvino import Core
    except ImportError as error:
        raise EngineError(f"{NAME} needs OpenVINO: pip install 'stillhouse[openvino]'") from error
    return Core()
