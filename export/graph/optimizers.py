"""Which of ONNX Runtime's fusions make a graph slower, found by timing them side by side.

A fusion that is right for one family of models costs another a tenth of its speed; which ones,
is looked at when a model is published, and its manifest names those to leave out.
"""

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from export.graph.onnx_graph import TYPE_IDS
from service.runtime.engine import open_session

# Each replaces several nodes of a transformer by one of its own making.
FUSIONS = (
    "SkipLayerNormFusion",
    "AttentionFusion",
    "BiasGeluFusion",
    "GeluFusionL2",
    "LayerNormFusionL2",
    "EmbedLayerNormFusion",
    "MatMulScaleFusion",
)
SHAPES = ((1, 32), (8, 32), (1, 128))  # rows, tokens: what a service runs
WORTH = 0.05  # of the time: less is noise
SECONDS = 4.0  # for each round of candidates
LEAST_TURNS = 5

Feed = dict[str, npt.NDArray[np.int64]]


def choose_optimizers(
    path: Path, highest_id: int, max_length: int, seconds: float = SECONDS
) -> tuple[str, ...]:
    """The optimisers that a graph is faster without.

    One fusion after another is left out, the one that gains most first, for as long as the gain is
    worth it. Candidates are run in turns, so that what else the machine does falls on all alike.

    Args:
        path: the graph as it is published.
        highest_id: of any token.
        max_length: the most tokens that the model reads.
        seconds: that each round of candidates may take, sessions left out.

    Returns:
        Names for `disabled_optimizers`, none where nothing is gained.
    """
    inputs = [node.name for node in onnx.load(path, load_external_data=False).graph.input]
    feeds = _feeds(inputs, highest_id, max_length)
    chosen: tuple[str, ...] = ()
    while True:
        candidates = _that_differ(path, chosen)
        if not candidates:
            return chosen
        times = _timed(path, [chosen, *candidates], feeds, seconds)
        best = candidates[min(range(1, len(times)), key=times.__getitem__) - 1]
        # The best of several owes something to chance: it has to win again, by itself.
        if (
            min(times[1:]) > 1 - WORTH
            or _timed(path, [chosen, best], feeds, seconds)[1] > 1 - WORTH
        ):
            return chosen
        chosen = best


def _that_differ(path: Path, chosen: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The lists of one fusion more that make another graph of it."""
    known = _operators(path, chosen)
    lists = [(*chosen, fusion) for fusion in FUSIONS if fusion not in chosen]
    return [one for one in lists if _operators(path, one) != known]


def _operators(path: Path, disabled: Sequence[str]) -> list[str]:
    """What a graph is made of once ONNX Runtime has optimised it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        seen = Path(folder) / "optimised.onnx"
        options.optimized_model_filepath = str(seen)
        # A graph of any size can be written so.
        options.add_session_config_entry(
            "session.optimized_model_external_initializers_file_name", "weights"
        )
        onnxruntime.InferenceSession(
            str(path),
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=list(disabled),
        )
        graph = onnx.load(seen, load_external_data=False).graph
    return sorted(node.op_type for node in graph.node)


def _feeds(inputs: Sequence[str], highest_id: int, max_length: int) -> list[Feed]:
    chosen = np.random.default_rng(13)
    feeds = []
    for rows, tokens in SHAPES:
        shape = (rows, min(tokens, max_length))
        ids = chosen.integers(0, highest_id, shape, endpoint=True)
        halves = np.zeros(shape, dtype=np.int64)
        halves[:, shape[1] // 2 :] = 1  # of a pair, as far as time is concerned
        given = {"input_ids": ids, "attention_mask": np.ones_like(halves), TYPE_IDS: halves}
        feeds.append({name: given[name] for name in inputs})
    return feeds


def _timed(
    path: Path, candidates: Sequence[tuple[str, ...]], feeds: Sequence[Feed], seconds: float
) -> list[float]:
    """How long each takes beside the first, whose own is 1: the mean over the shapes.

    In CPU time of this thread, turn by turn, so that what runs beside it counts little.
    """
    sessions: list[Any] = [open_session(path, 1, one) for one in candidates]
    for session in sessions:
        for feed in feeds:
            session.run(None, feed)
    taken: list[list[list[float]]] = [[[] for _ in feeds] for _ in candidates]
    end, turns = time.monotonic() + seconds, 0
    while time.monotonic() < end or turns < LEAST_TURNS:
        turns += 1
        for place, session in enumerate(sessions):
            for shape, feed in enumerate(feeds):
                started = time.thread_time()
                session.run(None, feed)
                taken[place][shape].append(max(time.thread_time() - started, 1e-9))
    return [
        statistics.mean(
            statistics.median(a / b for a, b in zip(runs, first, strict=True))
            for runs, first in zip(shapes, taken[0], strict=True)
        )
        for shapes in taken
    ]
