"""Tiny embedders in the repository's format, and what numpy says of their texts."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.service.builders import WORDS, word_tokenizer, write_manifest

Float32Array = npt.NDArray[np.float32]

SIZE = 8
TABLE: Float32Array = np.random.default_rng(5).normal(size=(len(WORDS), SIZE)).astype(np.float32)
PROMPTS = {"query": "fine ", "document": ""}


def mean_graph(table: Float32Array) -> onnx.ModelProto:
    """Embeddings that are the mean of the rows of `table` (words, size) of a text's tokens."""
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
            helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
            helper.make_node("Mul", ["rows", "column"], ["kept"]),
            helper.make_node("ReduceSum", ["kept", "time"], ["sum"], keepdims=0),
            helper.make_node("ReduceSum", ["mask", "time"], ["tokens"], keepdims=1),
            helper.make_node("Div", ["sum", "tokens"], ["embeddings"]),
        ],
        "mean",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "time"])
            for name in ("input_ids", "attention_mask")
        ],
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["batch", table.shape[1]])],
        [
            numpy_helper.from_array(table, "table"),
            numpy_helper.from_array(np.array([-1], dtype=np.int64), "last"),
            numpy_helper.from_array(np.array([1], dtype=np.int64), "time"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    return model


def publish_embedder(
    root: Path,
    name: str = "embedder",
    version: int = 1,
    *,
    table: Float32Array = TABLE,
    max_length: int = 16,
    **manifest: Any,
) -> Path:
    """Writes a version whose embeddings `expected` knows; returns its directory."""
    directory = root / name / str(version)
    directory.mkdir(parents=True)
    onnx.save(mean_graph(table), directory / "model.onnx")
    word_tokenizer().save(str(directory / "tokenizer.json"))
    fields = {
        "task": "feature-extraction",
        "labels": (),
        "outputs": ("embeddings",),
        "pooling": "mean",
        "embedding_size": table.shape[1],
        "normalize": True,
        **manifest,
    }
    write_manifest(directory, name=name, version=version, max_length=max_length, **fields)
    return directory


def expected(
    text: str, *, normalize: bool = True, dimensions: int = SIZE, most: int = 16
) -> Float32Array:
    """What numpy says of a text: the mean of its words' rows, cut, then at length 1."""
    words = ["[CLS]", *text.split()[: most - 2], "[SEP]"]
    unknown = WORDS.index("[UNK]")
    rows = TABLE[[WORDS.index(word) if word in WORDS else unknown for word in words]]
    vector: Float32Array = rows.mean(axis=0)[:dimensions]
    return vector / np.linalg.norm(vector) if normalize else vector
