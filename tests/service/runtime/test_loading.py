"""A version that could not answer is refused when it is loaded, with what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer as Backend

from service.errors import FileError, RepositoryError
from service.repository.manifest import read_manifest
from service.runtime.engine import open_session
from service.runtime.model import Item
from service.runtime.tasks import task
from service.runtime.tasks.classification import Classifier
from tests.service.builders import WORDS, edit_manifest, publish_tiny, write_manifest


def again(directory: Path, **changes: Any) -> None:
    """Publishes what lies there now, as somebody who knows the format would."""
    fields = {k: v for k, v in dict(read_manifest(directory)).items() if k != "files"}
    write_manifest(directory, **{**fields, **changes})


def regraph(directory: Path, change: Callable[[onnx.GraphProto], object]) -> None:
    """Changes the graph and publishes it with its hash."""
    model = onnx.load(directory / "model.onnx")
    change(model.graph)
    (directory / "model.onnx").write_bytes(model.SerializeToString())
    again(directory)


def table(graph: onnx.GraphProto) -> TensorProto:
    """The embeddings."""
    found: TensorProto = next(one for one in graph.initializer if one.name == "table")
    return found


def _short_table(directory: Path) -> None:
    """One row less than the tokeniser has ids; no text but one with that token shows it."""
    rows = np.zeros((len(WORDS) - 1, 2), dtype=np.float32)
    regraph(directory, lambda graph: table(graph).CopyFrom(numpy_helper.from_array(rows, "table")))


def _added_token(directory: Path) -> None:
    backend = Backend.from_file(str(directory / "tokenizer.json"))
    backend.add_special_tokens(["<late>"])
    backend.save(str(directory / "tokenizer.json"))
    again(directory)


def _pad_id_outside(directory: Path) -> None:
    backend = Backend.from_file(str(directory / "tokenizer.json"))
    backend.enable_padding(pad_id=100)
    backend.save(str(directory / "tokenizer.json"))
    again(directory)


def _axis(graph: onnx.GraphProto, axis: int, size: int) -> None:
    for value in graph.input:
        value.type.tensor_type.shape.dim[axis].ClearField("dim_param")
        value.type.tensor_type.shape.dim[axis].dim_value = size


def _few_positions(directory: Path) -> None:
    """Positions for 8 tokens, of 16 that its manifest promises."""

    def add(graph: onnx.GraphProto) -> None:
        positions = np.zeros((8, 2), dtype=np.float32)
        graph.initializer.extend(
            [
                numpy_helper.from_array(positions, "positions"),
                numpy_helper.from_array(np.array(0, dtype=np.int64), "zero"),
                numpy_helper.from_array(np.array(1, dtype=np.int64), "one"),
            ]
        )
        (gather,) = (node for node in graph.node if node.op_type == "Gather")
        gather.output[0] = "words"
        for node in (
            helper.make_node("Shape", ["input_ids"], ["shape"]),
            helper.make_node("Gather", ["shape", "one"], ["length"]),
            helper.make_node("Range", ["zero", "length", "one"], ["places"]),
            helper.make_node("Gather", ["positions", "places"], ["placed"]),
            helper.make_node("Add", ["words", "placed"], ["rows"]),
        )[::-1]:
            graph.node.insert(1, node)

    regraph(directory, add)


def _not_a_number(directory: Path) -> None:
    def spoil(graph: onnx.GraphProto) -> None:
        rows = numpy_helper.to_array(table(graph)).copy()
        rows[-1, 0] = np.nan
        table(graph).CopyFrom(numpy_helper.from_array(rows, "table"))

    regraph(directory, spoil)


def _flat_logits(directory: Path) -> None:
    """The sum over texts too."""

    def flatten(graph: onnx.GraphProto) -> None:
        (last,) = (node for node in graph.node if node.op_type == "ReduceSum")
        last.output[0] = "each"
        graph.initializer.append(numpy_helper.from_array(np.array([0], dtype=np.int64), "batch"))
        graph.node.append(helper.make_node("ReduceSum", ["each", "batch"], ["logits"], keepdims=1))

    regraph(directory, flatten)


def _elsewhere(directory: Path, location: str) -> None:
    """The table lies in another file, which is there."""

    def move(graph: onnx.GraphProto) -> None:
        tensor = table(graph)
        (directory / "weights.bin").write_bytes(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)

    regraph(directory, move)
    files = json.loads((directory / "manifest.json").read_text())["files"]
    del files["weights.bin"]
    edit_manifest(directory, files=files)


def _rewritten(directory: Path, name: str, content: str) -> None:
    (directory / name).write_text(content)
    again(directory)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_short_table, "out of data bounds"),
        (_added_token, "out of data bounds"),
        (_pad_id_outside, "out of data bounds"),
        (lambda d: regraph(d, lambda graph: _axis(graph, 0, 1)), "invalid dimensions"),
        (lambda d: regraph(d, lambda graph: _axis(graph, 1, 3)), "invalid dimensions"),
        (_few_positions, "8 by 16"),
        (_not_a_number, "its logits are not finite"),
        (_flat_logits, r"2 texts give logits of \(1, 2\)"),
        (lambda d: again(d, labels=("a", "b", "c")), r"give logits of \(1, 2\), not \(1, 3\)"),
        (lambda d: again(d, outputs=("scores",)), "scores"),
        (lambda d: again(d, inputs=("input_ids",)), "takes .*, its manifest says"),
        (lambda d: _rewritten(d, "model.onnx", "no model"), "is not ONNX"),
        (lambda d: _rewritten(d, "model.onnx", ""), "empty file"),
        (lambda d: _rewritten(d, "tokenizer.json", "{}"), "not a readable tokenizer.json"),
        (lambda d: _elsewhere(d, "weights.bin"), "reads 'weights.bin', which is not in the man"),
        (lambda d: _elsewhere(d, "./weights.bin"), "which is not in the manifest"),
        (lambda d: _elsewhere(d, "../1/weights.bin"), "which is not in the manifest"),
        (lambda d: _elsewhere(d, "/etc/passwd"), "which is not in the manifest"),
    ],
)
def test_what_cannot_run_is_not_loaded(
    tmp_path: Path, damage: Callable[[Path], object], says: str
) -> None:
    """It is as it was published, and every request to it, or some, would fail."""
    directory = publish_tiny(tmp_path)
    damage(directory)
    with pytest.raises(FileError, match=rf"(?s)^tiny/1: .*{says}"):
        Classifier.load(directory)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda d: (d / "manifest.json").write_text("{"), "manifest.json is not valid"),
        (lambda d: (d / "manifest.json").unlink(), "no manifest.json"),
        (lambda d: edit_manifest(d, schema_version=3), "schema version 3, but"),
        (lambda d: edit_manifest(d, colour="red"), "colour: Extra inputs"),
        (lambda d: edit_manifest(d, name="other"), "its manifest says other/1"),
        (
            lambda d: edit_manifest(d, files={"../x": {"sha256": "0" * 64, "bytes": 1}}),
            "is not a path inside the model's directory",
        ),
        (lambda d: (d / "model.onnx").unlink(), "model.onnx is missing"),
    ],
)
def test_what_is_not_as_published_is_not_loaded(
    tmp_path: Path, damage: Callable[[Path], object], says: str
) -> None:
    """The message names the version and the cause."""
    directory = publish_tiny(tmp_path)
    damage(directory)
    with pytest.raises(RepositoryError, match=rf"^tiny/1: .*{says}"):
        Classifier.load(directory)


def test_a_graph_may_read_a_file_that_was_published(tmp_path: Path) -> None:
    """It is hashed like the others."""
    directory = publish_tiny(tmp_path)
    wanted = Classifier.load(directory).logits([Item([4, 7], truncated=False)])
    _elsewhere(directory, "./weights.bin")
    again(directory)
    found = Classifier.load(directory).logits([Item([4, 7], truncated=False)])
    np.testing.assert_array_equal(found, wanted)
    (directory / "weights.bin").write_bytes(b"\0" * (directory / "weights.bin").stat().st_size)
    with pytest.raises(FileError, match=r"weights\.bin is not the file that was published"):
        Classifier.load(directory)


def test_strange_files_beside_a_model_are_harmless(tmp_path: Path) -> None:
    """It is loaded, and they are not read."""
    directory = publish_tiny(tmp_path)
    (directory / ".DS_Store").write_bytes(b"\0")
    assert Classifier.load(directory).manifest.name == "tiny"


def test_a_length_without_sense_costs_no_memory(tmp_path: Path) -> None:
    """A model without positions may say that it reads anything."""
    directory = publish_tiny(tmp_path, max_length=10**15)
    assert Classifier.load(directory).manifest.max_length == 10**15


def _left(directory: Path) -> None:
    backend = Backend.from_file(str(directory / "tokenizer.json"))
    backend.enable_truncation(4, direction="left")
    backend.save(str(directory / "tokenizer.json"))


@pytest.mark.parametrize(("schema", "side"), [(1, "right"), (2, "left")])
def test_which_end_is_cut_off(schema: int, side: str, tmp_path: Path) -> None:
    """The file's own, but for manifests from before that was looked at."""
    publish_tiny(tmp_path)
    directory = tmp_path / "tiny" / "1"
    _left(directory)
    again(directory, schema_version=schema, pad_id=None if schema == 1 else 1)
    classifier = Classifier.load(directory)
    assert classifier.tokenizer.truncation_side == side
    assert classifier.tokenizer.pad_id == schema - 1
    assert side in classifier.reading


def test_optimisers_are_switched_off_as_the_manifest_says(tmp_path: Path) -> None:
    """A list that the engine has to know the names of would fail on none: it is passed on."""
    publish_tiny(tmp_path)
    directory = tmp_path / "tiny" / "1"
    asked: list[Any] = []

    def opened(*given: Any) -> Any:
        asked.append(given)
        return open_session(*given)

    again(directory, disabled_optimizers=("GeluFusionL2",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task, "open_session", opened)
        Classifier.load(directory)
    assert [given[:3] for given in asked] == [(directory / "model.onnx", 1, ("GeluFusionL2",))]
