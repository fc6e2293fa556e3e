"""Fusions that make a graph slower are left out, and no others."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from export.graph import optimizers
from export.graph.files import save_graph
from export.graph.onnx_graph import to_onnx
from tests.tiny import tiny_encoder


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph that has something to fuse."""
    found = tmp_path_factory.mktemp("graph") / "model.onnx"
    save_graph(to_onnx(tiny_encoder()), found)
    return found


def test_the_costliest_fusion_goes_first(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after another, for as long as it gains; by times that are made up."""

    def timed(_: Path, candidates: Sequence[tuple[str, ...]], *__: object) -> list[float]:
        costs = {"BiasGeluFusion": 0.2, "MatMulScaleFusion": 0.01}
        times = [1.0 - sum(costs.get(name, -0.5) for name in one) for one in candidates]
        return [time / times[0] for time in times]

    monkeypatch.setattr(optimizers, "_timed", timed)
    assert optimizers.choose_optimizers(path, 60, 64) == ("BiasGeluFusion",)


def test_only_what_changes_the_graph_is_timed(path: Path) -> None:
    """A fusion that this graph has nothing for is no candidate."""
    found = {name for (name,) in optimizers._that_differ(path, ())}
    assert "BiasGeluFusion" in found
    assert "EmbedLayerNormFusion" not in found


def test_it_really_runs(path: Path) -> None:
    """Whatever is chosen is a list of names that the service can open the graph with."""
    chosen = optimizers.choose_optimizers(path, 60, 64, seconds=0.05)
    assert set(chosen) <= set(optimizers.FUSIONS)
    assert list(path.parent.iterdir()) == [path]  # nothing is left beside it


def test_a_winner_has_to_win_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What only the first round found faster is left as it is."""

    def timed(_: Path, candidates: Sequence[tuple[str, ...]], *__: object) -> list[float]:
        return [1.0, 0.8, *([1.0] * (len(candidates) - 2))] if len(candidates) > 2 else [1.0, 1.0]

    monkeypatch.setattr(optimizers, "_timed", timed)
    assert optimizers.choose_optimizers(path, 60, 64) == ()
