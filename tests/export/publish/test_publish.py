"""Publishing: a version appears whole, measured and traceable, or not at all."""

import dataclasses
import hashlib
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers.modeling_outputs import SequenceClassifierOutput

from export.errors import ExportError, GateError, Verdict
from export.measure.edges import NEUTRAL
from export.measure.gate import Gate
from export.measure.reference import reference_logits
from export.publish.publish import publish
from export.quantize.int8 import Int8
from service.repository.files import verify_files
from service.repository.manifest import SpecialTokens, read_manifest
from service.repository.sources import ModelRepository
from service.runtime.tasks.classification import Classifier
from tests.export.builders import (
    LABELS,
    LENIENT,
    STRICT,
    NotANumber,
    Swapped,
    Zeroed,
    broken,
    labelled,
    request,
)
from tests.tiny import (
    tiny_bilstm,
    tiny_checkpoint,
    tiny_encoder,
    tiny_hub_tokenizer,
    tiny_nano,
)
from tests.training.builders import STUDENT, changed
from training.data.labelled import LabelledText
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.students.bilstm import BiLstmForSequenceClassification
from training.recipe.recipe import parse_recipe
from training.score.temperature import fit_temperature


def tree(root: Path) -> list[str]:
    """Everything under `root`, hidden or not."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


KILLED = """
import sys, time
from pathlib import Path
from export.publish.publish import publish
from tests.export.builders import request
from tests.tiny import tiny_checkpoint, tiny_bilstm

def wait(graph):
    print("half", flush=True)
    time.sleep(600)

publish(tiny_checkpoint(tiny_bilstm()), Path(sys.argv[1]), request(choose_optimizers=wait))
"""


def test_a_publisher_that_is_killed_blocks_nobody(tmp_path: Path) -> None:
    """Nothing of it is served; while it works its files stay, and the next after it clears up."""
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        half = [name for name in tree(tmp_path) if name.endswith("model.onnx")]
        assert len(half) == 1
        assert ModelRepository(tmp_path).versions() == {}
        publish(tiny_checkpoint(tiny_bilstm()), tmp_path, request(LENIENT))
        assert half[0] in tree(tmp_path)  # its maker is at work
        process.kill()
    assert half[0] in tree(tmp_path)
    assert publish(tiny_checkpoint(tiny_bilstm()), tmp_path, request(LENIENT)).version == 2
    assert ModelRepository(tmp_path).versions() == {"tiny": [1, 2]}
    assert sorted(path.name for path in (tmp_path / "tiny").iterdir()) == ["1", "2"]


VERSION = ["README.md", "manifest.json", "model.onnx", "tokenizer.json"]


@pytest.mark.parametrize(
    "model",
    [tiny_encoder(), tiny_bilstm(), tiny_nano()],
    ids=["encoder", "bilstm", "nano"],
)
def test_published_version_is_served(tmp_path: Path, model: torch.nn.Module) -> None:
    """What was published loads, every hash checked, and answers as torch does."""
    checkpoint = tiny_checkpoint(model)  # type: ignore[arg-type]  # one of three kinds
    manifest = publish(checkpoint, tmp_path, request())
    assert tree(tmp_path) == ["tiny", "tiny/1", *(f"tiny/1/{name}" for name in VERSION)]
    classifier = Classifier.load(tmp_path / "tiny" / "1")
    assert classifier.manifest == manifest == read_manifest(tmp_path / "tiny" / "1")
    texts = labelled(n=10, seed=3).texts
    logits = classifier.logits(classifier.tokenizer.encode(texts))
    assert np.abs(logits - reference_logits(checkpoint, texts)).max() < 1e-4


@pytest.mark.parametrize("asked", [None, "parsed"])
def test_typed_special_tokens_are_read_as_the_checkpoint_says(
    tmp_path: Path, asked: SpecialTokens | None
) -> None:
    """By transformers, by what is served, and in what is compared; they are text by default."""
    checkpoint = dataclasses.replace(tiny_checkpoint(tiny_encoder()), asked_special_tokens=asked)
    texts = ["a good film [SEP] [PAD]", "[CLS] the plot is dull [MASK] is it", "good film"]
    manifest = publish(checkpoint, tmp_path, request(texts=texts))
    assert manifest.special_tokens == (asked or "text")
    assert manifest.parity is not None
    assert manifest.parity.max_logit_difference < 1e-4
    classifier = Classifier.load(tmp_path / "tiny" / "1")
    items = classifier.encode(texts)
    logits = reference_logits(checkpoint, texts)
    assert np.abs(classifier.logits(items) - logits).max() < 1e-4
    assert ({0, 3} <= set(items[0].ids[:-1])) is (asked == "parsed")


def test_manifest_says_what_was_measured(tmp_path: Path) -> None:
    """Metrics are of every set, parity of the first, and both are what torch's logits give."""
    checkpoint = tiny_checkpoint(tiny_bilstm())
    sets = {"first": labelled(n=30, seed=1), "second": labelled(n=50, seed=2)}
    manifest = publish(checkpoint, tmp_path, request(sets=sets))
    assert list(manifest.metrics) == ["first", "second"]
    for name, data in sets.items():
        right = reference_logits(checkpoint, data.texts).argmax(axis=1) == np.array(data.targets)
        assert manifest.metrics[name].n == len(data)
        assert manifest.metrics[name].accuracy == pytest.approx(right.mean())
    assert manifest.metrics["first"] != manifest.metrics["second"]
    assert manifest.parity is not None
    assert (manifest.parity.n, manifest.parity.agreement) == (30, 1.0)
    assert 0 < manifest.parity.max_logit_difference < 1e-4


def test_manifest_says_where_it_comes_from(tmp_path: Path) -> None:
    """Teacher, recipe, data, code, licence, size and hashes are those of the checkpoint."""
    recipe = parse_recipe(
        changed(STUDENT, data__train="t.tsv", distillation__teacher="t", data__max_length=20),
        "test",
    )
    train = {"n": 5, "sha256": "b" * 64, "transfer_sha256": "c" * 64}
    trained = {"teacher_sha256": "a" * 64, "train": train}
    model = tiny_bilstm()
    checkpoint = Checkpoint("student", model, tiny_hub_tokenizer(), recipe, trained)
    manifest = publish(checkpoint, tmp_path, request(licence="CC-BY-4.0"))
    assert manifest.lineage.teacher == "a" * 64
    assert manifest.lineage.recipe_sha256 == recipe.sha256
    assert manifest.lineage.data_sha256 == "b" * 64
    assert manifest.lineage.transfer_sha256 == "c" * 64
    assert manifest.lineage.code_version.startswith(metadata.version("stillhouse"))
    assert (manifest.licence, manifest.labels, manifest.max_length) == ("CC-BY-4.0", LABELS, 20)
    assert manifest.parameters == sum(parameter.numel() for parameter in model.parameters())
    for name in ("model.onnx", "tokenizer.json"):
        content = (tmp_path / "tiny" / "1" / name).read_bytes()
        assert manifest.files[name].sha256 == hashlib.sha256(content).hexdigest()
        assert manifest.files[name].bytes == len(content)
    written = json.loads((tmp_path / "tiny" / "1" / "manifest.json").read_text())
    assert written["lineage"]["teacher"] == "a" * 64


def test_every_teacher_is_in_the_lineage(tmp_path: Path) -> None:
    """Of a student of several teachers the manifest has each one's hash, and reads back."""
    taught = {"teacher_sha256": ["a" * 64, "b" * 64]}
    checkpoint = Checkpoint("student", tiny_bilstm(), tiny_hub_tokenizer(), None, taught)
    publish(checkpoint, tmp_path, request())
    manifest = read_manifest(tmp_path / "tiny" / "1")
    assert manifest.lineage.teacher == ("a" * 64, "b" * 64)


def test_unknown_lineage_is_null(tmp_path: Path) -> None:
    """Of a checkpoint from elsewhere nothing is made up."""
    lineage = publish(tiny_checkpoint(tiny_bilstm()), tmp_path, request()).lineage
    assert (lineage.teacher, lineage.recipe_sha256, lineage.data_sha256) == (None, None, None)


@pytest.mark.parametrize(
    ("precision", "weights", "stored"),
    [
        ("fp32", "float32", "float32"),
        ("fp32", "float16", "float16"),
        ("fp32", "int8", "int8"),
        ("int8", "float32", "int8"),
    ],
)
def test_manifest_says_how_weights_are_stored(
    tmp_path: Path, precision: str, weights: str, stored: str
) -> None:
    """Precision of the arithmetic and of the file are told apart, and the model loads."""
    checkpoint = tiny_checkpoint(tiny_bilstm())
    manifest = publish(checkpoint, tmp_path, request(LENIENT, precision=precision, weights=weights))
    assert (manifest.precision, manifest.weights) == (precision, stored)
    kinds = {"float32": False, "float16": False, "int8": False}
    assert manifest.parity is not None
    kinds[stored] = manifest.parity.max_logit_difference > 1e-4
    assert kinds == {"float32": False, "float16": stored == "float16", "int8": stored == "int8"}
    verify_files(tmp_path / "tiny" / "1", manifest, tmp_path)


def test_versions_count_up(tmp_path: Path) -> None:
    """Each publication is the next version, and those before stay as they were."""
    checkpoint = tiny_checkpoint(tiny_bilstm())
    for version in (1, 2, 3):
        assert publish(checkpoint, tmp_path, request()).version == version
        if version == 1:
            before = (tmp_path / "tiny" / "1" / "manifest.json").read_bytes()
    assert ModelRepository(tmp_path).versions() == {"tiny": [1, 2, 3]}
    assert (tmp_path / "tiny" / "1" / "manifest.json").read_bytes() == before
    assert publish(checkpoint, tmp_path, request(name="other")).version == 1


def test_numbers_are_not_used_twice(tmp_path: Path) -> None:
    """A version after a gap, or after one that lost its manifest, has a number of its own."""
    for version in ("4", "9"):
        (tmp_path / "tiny" / version).mkdir(parents=True)
    (tmp_path / "tiny" / "9" / "model.onnx").write_text("mine")
    assert publish(tiny_checkpoint(tiny_bilstm()), tmp_path, request()).version == 10
    assert (tmp_path / "tiny" / "9" / "model.onnx").read_text() == "mine"


FP32 = Gate(max_logit_difference=1e-4, max_accuracy_drop=1.0, min_agreement=0.0)
INT8 = Gate(max_logit_difference=None, max_accuracy_drop=1.0, min_agreement=0.9)


@pytest.mark.parametrize("kind", [Swapped, Zeroed, NotANumber])
@pytest.mark.parametrize(("precision", "gate"), [("fp32", FP32), ("int8", INT8)])
def test_broken_graphs_are_not_published(
    tmp_path: Path, kind: type[BiLstmForSequenceClassification], precision: str, gate: Gate
) -> None:
    """Swapped labels, lost weights and NaN are stopped at the gate, and nothing is left."""
    with pytest.raises(GateError, match="not published: "):
        publish(tiny_checkpoint(broken(kind)), tmp_path, request(gate, precision=precision))
    assert tree(tmp_path) == []


def test_the_whole_graph_passes_the_same_gates(tmp_path: Path) -> None:
    """The model that the broken ones are made of is published under the gates that stop them."""
    for precision, gate in (("fp32", FP32), ("int8", INT8)):
        publish(tiny_checkpoint(tiny_bilstm()), tmp_path, request(gate, precision=precision))
    assert ModelRepository(tmp_path).versions() == {"tiny": [1, 2]}


def test_accuracy_alone_may_stop_it(tmp_path: Path) -> None:
    """A model that agrees often enough and is wrong where torch was right is stopped too."""
    checkpoint = tiny_checkpoint(broken(Zeroed))
    data = labelled()
    truth = reference_logits(checkpoint, data.texts).argmax(axis=1)
    assert 0 < truth.mean() < 1
    sets = {"toy": type(data)(data.texts, truth, data.labels)}
    gate = Gate(max_logit_difference=None, max_accuracy_drop=0.005, min_agreement=0.0)
    with pytest.raises(GateError, match="accuracy fell by"):
        publish(checkpoint, tmp_path, request(gate, sets=sets))


def test_failure_keeps_earlier_versions(tmp_path: Path) -> None:
    """Where the second version fails the gate, the first is served as before."""
    publish(tiny_checkpoint(tiny_bilstm()), tmp_path, request())
    before = tree(tmp_path)
    with pytest.raises(GateError):
        publish(tiny_checkpoint(broken(Swapped)), tmp_path, request())
    assert tree(tmp_path) == before
    Classifier.load(tmp_path / "tiny" / "1")


def test_failure_after_the_gate_leaves_nothing(tmp_path: Path) -> None:
    """An error between the gate and the end is an error of the whole."""
    sets = {"good": labelled(), "other": labelled(labels=("no", "yes"))}
    with pytest.raises(ExportError, match=r"other has labels \('no', 'yes'\), not \('neg"):
        publish(tiny_checkpoint(tiny_bilstm()), tmp_path, request(sets=sets))
    assert tree(tmp_path) == []


class Watched(BiLstmForSequenceClassification):
    """Runs `Watched.look` whenever it is run, which is while its export is measured."""

    look: Any = None

    def forward(self, *args: Any, **options: Any) -> SequenceClassifierOutput:
        """As its base, after a look."""
        self.look()
        return super().forward(*args, **options)


def watched(look: Any) -> Checkpoint:
    """A checkpoint whose model calls `look` while it is measured."""
    model = tiny_bilstm(kind=Watched)
    model.look = look
    return tiny_checkpoint(model)


def test_nothing_is_seen_before_it_is_whole(tmp_path: Path) -> None:
    """While a version is built and measured a reader finds none, and its directory is hidden."""
    seen: list[tuple[dict[str, list[int]], list[str]]] = []

    def look() -> None:
        places = [path.name for path in (tmp_path / "tiny").iterdir()]
        seen.append((ModelRepository(tmp_path).versions(), places))

    publish(watched(look), tmp_path, request())
    assert seen
    for versions, places in seen:
        assert versions == {}
        assert all(place.startswith(".") for place in places)
    assert ModelRepository(tmp_path).versions() == {"tiny": [1]}


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """Where somebody publishes the same number meanwhile, theirs stays and ours is an error."""
    theirs = tmp_path / "tiny" / "1" / "model.onnx"

    def look() -> None:
        theirs.parent.mkdir(exist_ok=True)
        theirs.write_text("theirs")

    with pytest.raises(ExportError, match="1 exists: run the export again"):
        publish(watched(look), tmp_path, request())
    assert tree(tmp_path) == ["tiny", "tiny/1", "tiny/1/model.onnx"]
    assert theirs.read_text() == "theirs"


def test_two_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    """A publication within another's measuring leaves the other's hidden files alone."""
    inner: list[int] = []

    def look() -> None:
        if not inner:
            inner.append(0)
            inner[0] = publish(tiny_checkpoint(tiny_encoder()), tmp_path, request()).version

    with pytest.raises(ExportError, match="run the export again"):
        publish(watched(look), tmp_path, request())
    assert inner == [1]
    assert publish(watched(look), tmp_path, request()).version == 2
    for version in ("1", "2"):
        Classifier.load(tmp_path / "tiny" / version)


def test_labels_of_another_order_are_refused(tmp_path: Path) -> None:
    """The same labels in another order would be scored wrongly, so they are an error."""
    sets = {"turned": labelled(labels=("positive", "negative"))}
    with pytest.raises(ExportError, match="turned has labels"):
        publish(tiny_checkpoint(tiny_bilstm()), tmp_path, request(sets=sets))
    assert tree(tmp_path) == []


@pytest.mark.parametrize("name", ["../outside", "a/b", "", ".hidden", "a b"])
def test_names_stay_inside_the_repository(tmp_path: Path, name: str) -> None:
    """A name that is no directory's name is refused before anything is written."""
    root = tmp_path / "models"
    with pytest.raises(ExportError, match="is not a model's name"):
        publish(tiny_checkpoint(tiny_bilstm()), root, request(name=name))
    assert tree(tmp_path) == []


def test_without_labelled_texts(tmp_path: Path) -> None:
    """A faithful graph is published on texts alone, and it is said what was not looked at."""
    said: list[str] = []
    checkpoint = tiny_checkpoint(tiny_bilstm())
    manifest = publish(checkpoint, tmp_path, request(STRICT, sets={}), said.append)
    assert manifest.metrics == {}
    assert manifest.parity is not None
    assert (manifest.parity.n, manifest.parity.accuracy_drop) == (len(NEUTRAL), None)
    assert any("no labelled texts" in line for line in said)
    given = publish(checkpoint, tmp_path, request(STRICT, sets={}, texts=["one", "two"]))
    assert given.parity is not None
    assert given.parity.n == 2
    gate = Gate(None, max_accuracy_drop=0.003, min_agreement=0.99)
    with pytest.raises(GateError, match=f"{len(NEUTRAL)} texts are too few"):
        publish(checkpoint, tmp_path, request(gate, sets={}, precision="int8"))


def test_the_temperature_is_of_the_texts_to_fit_on(tmp_path: Path) -> None:
    """It is fitted on those and no others, and is what the service divides by."""
    checkpoint = tiny_checkpoint(tiny_bilstm())
    fit = labelled(n=60, seed=11)
    manifest = publish(checkpoint, tmp_path, request(fit=fit))
    logits = reference_logits(checkpoint, fit.texts)
    assert manifest.temperature == pytest.approx(fit_temperature(logits, fit.targets), rel=1e-3)
    measured = labelled()
    other = fit_temperature(reference_logits(checkpoint, measured.texts), measured.targets)
    assert manifest.temperature != pytest.approx(other, rel=1e-2)
    assert publish(checkpoint, tmp_path, request()).temperature == 1.0


@pytest.mark.parametrize("use", ["temperature", "ranges"])
def test_texts_have_one_use(tmp_path: Path, use: str) -> None:
    """What is measured on may be neither what a temperature nor what ranges are taken of."""
    measured = labelled()
    some = labelled(n=5, seed=21).texts
    shouted = [*some, f"  {str(measured.texts[3]).upper()}! "]
    changes: dict[str, Any] = {"precision": "int8", "int8": Int8(texts=lambda: shouted)}
    if use == "temperature":
        changes = {"fit": LabelledText(shouted, np.zeros(6, dtype=np.int64), LABELS)}
    with pytest.raises(ExportError, match=r"1 texts that .* texts have one use"):
        publish(tiny_checkpoint(tiny_nano()), tmp_path, request(LENIENT, **changes))
    assert tree(tmp_path) == []


def test_ranges_are_of_the_texts_to_calibrate_on(tmp_path: Path) -> None:
    """The record has the hash of those texts, and they are none of the measured set."""
    made = request(LENIENT, precision="int8", int8=Int8(texts=lambda: ["one good", "two bad"]))
    found = publish(tiny_checkpoint(tiny_nano()), tmp_path, made).quantization
    assert found is not None
    assert (found.texts, found.texts_sha256) == (
        2,
        hashlib.sha256(b"one good\ntwo bad").hexdigest(),
    )


def test_every_step_is_told(tmp_path: Path) -> None:
    """Nothing that may take long is silent, and a label that is never given is not overlooked."""
    said: list[str] = []
    data = labelled()
    targets = np.arange(len(data)) % 3
    labels = ("negative", "positive", "other")
    model = tiny_bilstm(labels)
    with torch.no_grad():
        model.classifier.bias[2] = -1e3
    sets = {"dev": LabelledText(data.texts, targets, labels)}
    fit = LabelledText(["a", "b"], np.array([0, 1]), labels)
    publish(tiny_checkpoint(model), tmp_path, request(sets=sets, fit=fit), said.append)
    starts = [line.split()[0] for line in said if line.endswith("...")]
    assert starts == ["export", "fit", "compare", "score"]
    assert "WARNING: dev: no text is ever given the labels other" in said


def test_a_judge_decides_later(tmp_path: Path) -> None:
    """Whoever stages a model is told what the gate says, and nothing is refused."""
    told: list[Verdict] = []
    checkpoint = tiny_checkpoint(broken(Swapped))
    publish(checkpoint, tmp_path, request(STRICT, judged=told.append))
    (verdict,) = told
    assert any(one.what.startswith("a logit differs by") for one in verdict.findings)
    assert ModelRepository(tmp_path).versions() == {"tiny": [1]}


def test_fusions_are_chosen_where_that_is_asked(tmp_path: Path) -> None:
    """The choice is given the graph's path, and is written into the manifest."""

    def choose(path: Path) -> tuple[str, ...]:
        assert path.name == "model.onnx"
        assert path.is_file()
        return ("SkipLayerNormFusion",)

    made = request(choose_optimizers=choose)
    publish(tiny_checkpoint(tiny_bilstm()), tmp_path, made)
    found = read_manifest(tmp_path / "tiny" / "1")
    assert found.disabled_optimizers == ("SkipLayerNormFusion",)


def test_other_problems_are_not_measured_on(tmp_path: Path) -> None:
    """Texts of one label do not measure a model of several, and a label alone is no choice."""
    many = tiny_bilstm()
    many.config.problem_type = "multi_label_classification"
    with pytest.raises(ExportError, match="toy is single_label, the model multi_label"):
        publish(tiny_checkpoint(many), tmp_path, request())
    one = tiny_bilstm(("score",))
    one.config.problem_type = "single_label_classification"
    with pytest.raises(ExportError, match="has one label, 'score'"):
        publish(tiny_checkpoint(one), tmp_path, request())
    with pytest.raises(ExportError, match="under a licence"):
        publish(tiny_checkpoint(tiny_bilstm()), tmp_path, request(licence=" "))
    assert tree(tmp_path) == []


def test_several_labels_and_numbers_are_published(tmp_path: Path) -> None:
    """A multi-label model has its thresholds and scores, a regression its correlation."""
    data = labelled(n=60, seed=1)
    fit = labelled(n=80, seed=2)
    several = np.stack([data.targets == 0, data.targets == 1], axis=1).astype(np.float32)
    fitted = np.stack([fit.targets == 0, fit.targets == 1], axis=1).astype(np.float32)
    many = tiny_bilstm()
    many.config.problem_type = "multi_label_classification"
    made = request(
        sets={"dev": LabelledText(data.texts, several, LABELS, "multi_label")},
        fit=LabelledText(fit.texts, fitted, LABELS, "multi_label"),
        name="many",
    )
    found = publish(tiny_checkpoint(many), tmp_path, made)
    assert found.problem_type == "multi_label"
    assert found.thresholds is not None
    assert found.thresholds != (0.5, 0.5)
    assert found.metrics["dev"].micro_f1 is not None
    number = tiny_bilstm(("score",))
    number.config.problem_type = "regression"
    numbers = LabelledText(
        data.texts, data.targets.astype(np.float32), ("score",), problem="regression"
    )
    manifest = publish(tiny_checkpoint(number), tmp_path, request(sets={"dev": numbers}))
    assert manifest.problem_type == "regression"
    assert manifest.metrics["dev"].pearson is not None
    assert Classifier.load(tmp_path / "tiny" / "1").manifest == manifest
