"""Graphs that do not fit one file, with the bound lowered so that tiny ones do not."""

from pathlib import Path

import numpy as np
import pytest

from export.check.check import load_version, prepare
from export.graph import files
from export.graph.onnx_graph import to_onnx
from service.repository.files import verify_files
from service.repository.manifest import read_manifest
from service.runtime.engine import open_session
from tests.tiny import tiny_encoder, tiny_encoder_checkpoint

FEED = {
    "input_ids": np.array([[2, 9, 8, 3]]),
    "attention_mask": np.ones((1, 4), dtype=np.int64),
}


def test_a_large_graph_lies_in_two_files(tmp_path: Path) -> None:
    """Its weights beside it, the graph in memory as it was, the answers the same."""
    graph = to_onnx(tiny_encoder())
    before = graph.SerializeToString()
    assert files.save_graph(graph, tmp_path / "one.onnx") == ("one.onnx",)
    assert files.save_graph(graph, tmp_path / "two.onnx", 1000) == ("two.onnx", "two.onnx.data")
    assert files.save_graph(graph, tmp_path / "two.onnx", 1000) == ("two.onnx", "two.onnx.data")
    assert graph.SerializeToString() == before
    sizes = [(tmp_path / name).stat().st_size for name in ("one.onnx", "two.onnx", "two.onnx.data")]
    assert sizes[1] < sizes[0]
    assert sizes[2] < sizes[0]
    one, two = (open_session(tmp_path / name, 1) for name in ("one.onnx", "two.onnx"))
    assert np.array_equal(one.run(None, FEED)[0], two.run(None, FEED)[0])


def test_a_version_of_two_files_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest names both, and the service checks both."""
    trial = prepare(str(tiny_encoder_checkpoint(tmp_path / "checkpoint")))
    monkeypatch.setattr(files.save_graph, "__defaults__", (1000,))
    classifier = load_version(trial, trial.graph, tmp_path)
    assert set(classifier.manifest.files) == {"model.onnx", "model.onnx.data", "tokenizer.json"}
    place = tmp_path / "checked" / "1"
    verify_files(place, read_manifest(place), root=tmp_path)
    found = classifier.output(classifier.encode(trial.short))
    assert np.abs(found - np.stack(trial.hub.numbers(trial.short))).max() < 1e-4
