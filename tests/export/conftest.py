"""What these tests share: a model that was traced before in this run is not traced again.

Tracing takes seconds, and they export the same few tiny models again and again.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

from export.graph import onnx_graph
from tests.tracing import registry_kept

TRACED_ANEW = "tests/export/graph/"  # there the tracing itself is tested


@pytest.fixture(scope="session", autouse=True)
def traced_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps what `encoder_graph` gives, for all processes of the run."""
    of_worker = tmp_path_factory.getbasetemp()
    folder = (of_worker.parent if "PYTEST_XDIST_WORKER" in os.environ else of_worker) / "traced"
    folder.mkdir(exist_ok=True)
    trace = onnx_graph.encoder_graph

    def remembered(
        module: torch.nn.Module,
        family: str,
        output: str,
        inputs: Sequence[str] = onnx_graph.INPUTS,
    ) -> onnx.ModelProto:
        if os.environ.get("PYTEST_CURRENT_TEST", "").startswith(TRACED_ANEW):
            return trace(module, family, output, inputs)
        file = folder / f"{_key(module, family, output, inputs)}.onnx"
        if not file.exists():
            _write(trace(module, family, output, inputs), file)
        return onnx.load(file)

    with registry_kept(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_graph, "encoder_graph", remembered)
        yield


def _key(module: torch.nn.Module, *others: object) -> str:
    config: Any = module.get_submodule("model").config
    weights = onnx_graph.weights_sha256(module)
    told = f"{module} {config.to_json_string(False)} {others} {weights}"
    return hashlib.sha256(told.encode()).hexdigest()


def _write(graph: onnx.ModelProto, file: Path) -> None:
    part = file.with_suffix(f".{os.getpid()}")
    onnx.save(graph, part)
    part.replace(file)
