"""Tiny models in the repository's format, whose answers can be told by reading the text."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import tomli_w
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from service.repository.files import file_sha256
from service.repository.manifest import (
    FILE_NAME,
    MODEL_FILE,
    TOKENIZER_FILE,
    Manifest,
    read_manifest,
)
from service.repository.sections import File, Lineage

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "good", "bad", "fine", "film")
Graph = Callable[["np.ndarray[Any, np.dtype[np.float32]]"], onnx.ModelProto]
SCORES: Mapping[str, tuple[float, ...]] = {"good": (-2.0, 2.0), "bad": (2.0, -2.0)}


def word_tokenizer(words: Sequence[str] = WORDS) -> Tokenizer:
    """One token a word, unknown ones [UNK], with [CLS] and [SEP] around the text."""
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


def token_graph(table: np.ndarray[Any, np.dtype[np.float32]]) -> onnx.ModelProto:
    """Logits of each token that are its row of `table` (words, labels)."""
    model = sum_graph(table)
    graph = model.graph
    del graph.node[-1], graph.output[:]
    graph.node[-1].output[0] = "logits"
    shape = ["batch", "time", table.shape[1]]
    graph.output.append(helper.make_tensor_value_info("logits", TensorProto.FLOAT, shape))
    return model


def sum_graph(
    table: np.ndarray[Any, np.dtype[np.float32]], *, pairs: bool = False
) -> onnx.ModelProto:
    """Logits that are the sum of each token's row of `table` (words, labels).

    Args:
        pairs: it takes token types, and the second text counts three times.
    """
    inputs = ["input_ids", "attention_mask", *(["token_type_ids"] if pairs else [])]
    weights = [helper.make_node("Identity", ["attention_mask"], ["weights"])]
    if pairs:
        weights = [
            helper.make_node("Mul", ["attention_mask", "token_type_ids"], ["seconds"]),
            helper.make_node("Add", ["seconds", "seconds"], ["twice"]),
            helper.make_node("Add", ["attention_mask", "twice"], ["weights"]),
        ]
    graph = helper.make_graph(
        [
            *weights,
            helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
            helper.make_node("Cast", ["weights"], ["mask"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["mask", "last"], ["column"]),
            helper.make_node("Mul", ["rows", "column"], ["kept"]),
            helper.make_node("ReduceSum", ["kept", "time"], ["logits"], keepdims=0),
        ],
        "sum",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "time"])
            for name in inputs
        ],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", table.shape[1]])],
        [
            numpy_helper.from_array(table, "table"),
            numpy_helper.from_array(np.array([-1], dtype=np.int64), "last"),
            numpy_helper.from_array(np.array([1], dtype=np.int64), "time"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    return model


def publish_tiny(
    root: Path,
    name: str = "tiny",
    version: int = 1,
    *,
    labels: Sequence[str] = ("negative", "positive"),
    scores: Mapping[str, Sequence[float]] = SCORES,
    max_length: int = 16,
    pairs: bool = False,
    graph: Graph | None = None,
    **manifest: Any,
) -> Path:
    """Writes a version in which each word adds its scores to the logits; returns its directory.

    Args:
        pairs: it takes pairs, of which the second text counts three times.
        graph: made of the table of scores, in place of the words' sum.
    """
    directory = root / name / str(version)
    directory.mkdir(parents=True)
    table = np.zeros((len(WORDS), len(labels)), dtype=np.float32)
    for word, row in scores.items():
        table[WORDS.index(word)] = row
    if pairs:
        inputs = ("input_ids", "attention_mask", "token_type_ids")
        manifest = {"pairs": True, "inputs": inputs, **manifest}
    found = graph(table) if graph else sum_graph(table, pairs=pairs)
    onnx.save(found, directory / "model.onnx")
    word_tokenizer().save(str(directory / "tokenizer.json"))
    write_manifest(
        directory,
        name=name,
        version=version,
        labels=tuple(labels),
        max_length=max_length,
        **manifest,
    )
    return directory


TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
TAG_SCORES: Mapping[str, tuple[float, ...]] = {
    "good": (0.0, 3.0, 0.0, 0.0, 0.0),
    "bad": (0.0, 0.0, 3.0, 0.0, 0.0),
    "film": (0.0, 0.0, 0.0, 1.0, 0.0),
    "fine": (3.0, 0.0, 0.0, 0.0, 0.0),
    "[UNK]": (4.0, 0.0, 0.0, 0.0, 0.0),
}


def publish_tagger(root: Path, name: str = "tagger", version: int = 1, **fields: Any) -> Path:
    """As `publish_tiny`, with a model that gives each word its own scores."""
    own = {
        "task": "token-classification",
        "labels": TAGS,
        "scores": TAG_SCORES,
        "graph": token_graph,
    }
    return publish_tiny(root, name, version, **{**own, **fields})


def manifest_of(**fields: Any) -> Manifest:
    """A valid manifest; what is not given is as any tiny model has it, its files included."""
    files = {name: File(sha256="0" * 64, bytes=1) for name in (MODEL_FILE, TOKENIZER_FILE)}
    values = {
        "name": "tiny",
        "version": 1,
        "labels": ("negative", "positive"),
        "max_length": 16,
        "files": files,
        "precision": "fp32",
        "weights": "float32",
        "parameters": 16,
        "lineage": Lineage(teacher=None, recipe_sha256=None, data_sha256=None, code_version="0"),
        "licence": "Apache-2.0",
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        **fields,
    }
    return Manifest(**values)


def write_manifest(directory: Path, **fields: Any) -> None:
    """Writes a valid manifest for the files in `directory`."""
    files = {
        path.name: File(sha256=file_sha256(path), bytes=path.stat().st_size)
        for path in directory.iterdir()
        if path.name != FILE_NAME
    }
    manifest = manifest_of(files=files, **fields)
    (directory / FILE_NAME).write_text(manifest.model_dump_json(indent=2))


def edit_manifest(directory: Path, **changes: Any) -> None:
    """Changes fields of a manifest as somebody with an editor would, unchecked."""
    path = directory / FILE_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def write_cascade(
    root: Path,
    name: str = "auto",
    *,
    threshold: float = 0.8,
    fitted_version: int = 1,
    chain: Sequence[str] = ("student", "teacher"),
    **settings: Any,
) -> None:
    """Writes routes with a cascade of models at version 1, the default.

    Args:
        threshold: of every hop.
        fitted_version: what it says it was fitted on; any but 1 makes it stale.
        settings: more of the cascade's own, such as `overload`.
    """
    points = ((1.01, 1.0, 0.95), (0.9, 0.6, 0.95), (threshold, 0.4, 0.945), (0.7, 0.2, 0.92))
    cascade = {
        **settings,
        "chain": list(chain),
        "hops": [{"threshold": threshold, "escalated": 0.4}] * (len(chain) - 1),
        "models": {
            model: {
                "version": fitted_version,
                "sha256": read_manifest(root / model / "1").fingerprint,
            }
            for model in chain
        },
        "fit": {
            "method": "by hand",
            "data_sha256": "0" * 64,
            "n": 2000,
            "max_accuracy_loss": 0.01,
            "confidence": 0.95,
            "accuracy_loss_bound": 0.0091,
            "accuracy": 0.945,
            "last_accuracy": 0.95,
            "curve": [
                {"threshold": at, "escalated": escalated, "accuracy": accuracy}
                for at, escalated, accuracy in (*points, (0.0, 0.0, 0.88))
            ],
        },
    }
    routes = {"default": name, "cascade": {name: cascade}}
    (root / "routes.toml").write_text(tomli_w.dumps(routes))
