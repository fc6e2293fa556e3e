"""`stillhouse export`, as a user runs it."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from huggingface_hub.repocard import metadata_load
from transformers import PreTrainedModel

from cli import main
from export.measure.reference import reference_logits
from service.repository.manifest import read_manifest
from service.repository.sections import Windows
from service.runtime.tasks.classification import Classifier
from tests.tiny import (
    tiny_bilstm,
    tiny_encoder_checkpoint,
    tiny_hub_tokenizer,
    tiny_nano,
    toy_data,
)
from tests.training.builders import STUDENT, changed
from training.data.loading import load_split
from training.models.checkpoints.checkpoint import load_checkpoint
from training.models.checkpoints.saving import save_checkpoint
from training.recipe.recipe import parse_recipe
from training.score.temperature import fit_temperature


def run(*arguments: object) -> Result:
    """Runs `stillhouse export` in this process, a refusal's report beside the models."""
    words = [*map(str, arguments)]
    if "--licence" not in words and "--no-licence" not in words:
        words += ["--licence", "MIT"]
    models = Path(words[words.index("--models") + 1])
    words += ["--report", str(models.parent / "reports")]
    if "--look" not in words:  # it takes seconds
        words += ["--keep-fusions"]
    return CliRunner().invoke(
        main, ["export", *(word for word in words if word not in ("--no-licence", "--look"))]
    )


def from_elsewhere(folder: Path, model: PreTrainedModel) -> Path:
    """A checkpoint as others save it, with no recipe."""
    model.save_pretrained(folder)
    tiny_hub_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an encoder from elsewhere, a student of ours, and data; not changed."""
    folder = tmp_path_factory.mktemp("given")
    tiny_encoder_checkpoint(folder / "encoder")
    from_elsewhere(folder / "nano", tiny_nano())
    labels = {"positive": "good", "negative": "bad"}
    recipe = changed(STUDENT, data__train="t", distillation__teacher="t", data__labels=labels)
    save_checkpoint(
        folder / "student",
        tiny_bilstm(("good", "bad")),
        tiny_hub_tokenizer(),
        parse_recipe(recipe, "test"),
        {"train": {"sha256": "b" * 64}, "teacher_sha256": "a" * 64},
    )
    toy_data(folder / "dev.tsv", 60, seed=1)
    toy_data(folder / "other.tsv", 30, seed=2)
    return folder


def test_two_versions_of_two_precisions(given: Path, tmp_path: Path) -> None:
    """FP32 with half-stored weights, then INT8: each is published, loads, and is told."""
    models = tmp_path / "models"
    common = [given / "student", "--name", "student", "--models", models]
    first = run(*common, "--data", f"dev={given / 'dev.tsv'}", "--weights", "float16")
    assert first.exit_code == 0, first.output
    size = sum(found.bytes for found in read_manifest(models / "student" / "1").files.values())
    assert f"published {models / 'student' / '1'}: {size / 1e6:.1f} MB" in first.output
    assert "against transformers (n 60): agreement 1.0000" in first.output
    second = run(
        *(*common, "--precision", "int8", "--licence", "MIT", "--min-agreement", "0.8"),
        *("--max-accuracy-drop", "0.2", "--data", f"dev={given / 'dev.tsv'}"),
        *("--data", f"other={given / 'other.tsv'}"),
    )
    assert second.exit_code == 0, second.output
    manifest = read_manifest(models / "student" / "2")
    assert (manifest.precision, manifest.weights, manifest.licence) == ("int8", "int8", "MIT")
    assert {name: found.n for name, found in manifest.metrics.items()} == {"dev": 60, "other": 30}
    assert manifest.lineage.teacher == "a" * 64
    for name in ("dev", "other"):
        assert f"{name}: accuracy {manifest.metrics[name].accuracy:.4f}" in second.output
    for version in ("1", "2"):
        found = Classifier.load(models / "student" / version)
        assert found.manifest.labels == ("good", "bad")


def test_windows_are_the_options_or_the_recipes(given: Path, tmp_path: Path) -> None:
    """The option goes over the recipe; none takes windows away."""
    recipe = changed(STUDENT, distillation__teacher="t", data__windows={"stride": 8})
    model, tokenizer = tiny_bilstm(), tiny_hub_tokenizer()
    save_checkpoint(tmp_path / "own", model, tokenizer, parse_recipe(recipe, "test"), {})
    common = ["--name", "it", "--models", tmp_path / "models"]
    versions: list[Windows | None] = []
    for arguments in (
        (tmp_path / "own",),
        (tmp_path / "own", "--windows", "none"),
        (given / "encoder", "--windows", "stride=4,pooling=max"),
    ):
        done = run(*arguments, *common)
        assert done.exit_code == 0, done.output
        versions.append(read_manifest(tmp_path / "models" / "it" / str(len(versions) + 1)).windows)
    assert versions == [Windows(stride=8), None, Windows(stride=4, pooling="max")]
    card = (given / "encoder" / "README.md").read_text(encoding="utf-8")
    assert "in windows of 64 tokens, each of which shares 4 with the one before it" in card
    for wrong in ("4", "stride=x", "pooling=mean", "stride=4,pooling=sum"):
        refused = run(given / "encoder", *common, "--windows", wrong)
        assert refused.exit_code == 2
        assert "should look like stride=64,pooling=mean" in refused.output
    refused = run(given / "encoder", *common, "--windows", "stride=62")
    assert refused.exit_code == 1
    assert "has to share fewer with the one before it" in refused.output


def test_a_checkpoint_from_elsewhere(given: Path, tmp_path: Path) -> None:
    """A checkpoint without a recipe is published; a set may hold one of its labels only."""
    lines = (given / "dev.tsv").read_text().splitlines()
    kept = [lines[0], *(line for line in lines if line.endswith("positive"))]
    (tmp_path / "some.tsv").write_text("\n".join(kept) + "\n")
    result = run(
        *(given / "encoder", "--name", "teacher", "--models", tmp_path / "models"),
        *("--data", f"some={tmp_path / 'some.tsv'}", "--look"),
    )
    assert result.exit_code == 0, result.output
    assert "look at ONNX Runtime's fusions ..." in result.stderr
    manifest = read_manifest(tmp_path / "models" / "teacher" / "1")
    assert manifest.labels == ("negative", "positive")
    assert manifest.metrics["some"].n == len(kept) - 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels", "x"], "'x' should look like IN_FILE=SERVED"),
        (["--data", "x=absent.tsv"], "no file at absent.tsv"),
        (["--data", "dev=other.tsv"], "two sets are called 'dev'"),
        (["--name", "../student"], "'../student' is not a model's name"),
        (
            ["--precision", "int8", "--max-batch-difference", "0", "--activations", "dynamic"],
            "a batch moves a probability by",
        ),
    ],
)
def test_mistakes_are_told(given: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    """A mistake ends the command with exit code 1 and one error, without a traceback."""
    result = run(
        *(given / "student", "--name", "student", "--models", tmp_path / "models"),
        *("--data", f"dev={given / 'dev.tsv'}", *arguments),
    )
    assert result.exit_code in (1, 2)
    assert isinstance(result.exception, SystemExit)
    assert result.stderr.count("Error: ") == 1
    assert message in result.stderr
    assert not list((tmp_path / "models").rglob("*"))


def test_by_the_token_a_batch_may_move_more(
    given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a limit of its own, which is not that of FP32."""
    monkeypatch.setattr("export.measure.gate.SAME_BY_TOKEN", -1.0)  # nothing is within it
    common = [given / "encoder", "--models", tmp_path, "--data", f"dev={given / 'dev.tsv'}"]
    common += ["--min-agreement", "0.5", "--max-accuracy-drop", "0.5", "--report", tmp_path / "r"]
    refused = run(*common, "--name", "small", "--precision", "int8")
    assert "a batch moves a probability by" in refused.stderr
    assert "allowed -1" in refused.stderr
    assert run(*common, "--name", "whole").exit_code == 0


def test_unusable_checkpoints_are_told(given: Path, tmp_path: Path) -> None:
    """A checkpoint that is absent, or whose recipe is spoilt, is an error that names it."""
    spoilt = tiny_encoder_checkpoint(tmp_path / "spoilt")
    (spoilt / "recipe.toml").write_text("name = ")
    for source, message in {
        tmp_path / "absent": f"there is no {tmp_path / 'absent'}: it is a path",
        spoilt: "recipe.toml is not TOML",
    }.items():
        result = run(
            *(source, "--name", "x", "--models", tmp_path / "models"),
            *("--data", f"dev={given / 'dev.tsv'}"),
        )
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit)
        assert message in result.stderr


def test_labels_that_the_model_lacks_are_told(given: Path, tmp_path: Path) -> None:
    """Data of labels that the model does not know is an error that names them."""
    (tmp_path / "stars.tsv").write_text("text\tlabel\na film\t5\na plot\t1\n")
    result = run(
        *(given / "nano", "--name", "x", "--models", tmp_path / "models"),
        *("--data", f"stars={tmp_path / 'stars.tsv'}"),
    )
    assert result.exit_code == 1
    assert "has labels ['1', '5'], the model ['negative', 'positive']" in result.stderr


def test_static_int8_without_calibration_is_told(given: Path, tmp_path: Path) -> None:
    """A model from elsewhere names no texts to calibrate on, nor does a file of --data's own."""
    common = [given / "nano", "--name", "x", "--models", tmp_path / "models"]
    common += ["--precision", "int8", "--data", f"dev={given / 'dev.tsv'}"]
    for more, message in (
        ([], "no texts to calibrate on: give some with --calibration"),
        (["--calibration", given / "dev.tsv"], "calibrate on others than you measure on"),
        (["--calibration", "absent.tsv"], "no file at absent.tsv; give some with --calibration"),
    ):
        result = run(*common, *more)
        assert result.exit_code == 1
        assert isinstance(result.exception, SystemExit)
        assert message in result.stderr
        assert not list((tmp_path / "models").rglob("*"))


def test_sensitivity_as_asked_for(given: Path, tmp_path: Path) -> None:
    """A student is published in INT8 with what each node costs it, on texts that are named."""
    models = tmp_path / "models"
    result = run(
        *(given / "student", "--name", "x", "--models", models, "--precision", "int8"),
        *("--calibration", given / "other.tsv", "--sensitivity"),
        *("--min-agreement", "0.8", "--max-accuracy-drop", "0.2"),
        *("--data", f"dev={given / 'dev.tsv'}"),
    )
    assert result.exit_code == 0, result.output
    found = read_manifest(models / "x" / "1").quantization
    assert found is not None
    assert (found.activations, found.texts) == ("static", 30)
    assert f"{found.errors[0].node}: alone in INT8 it moves the logits by" in result.output


def test_options_of_int8_need_it(given: Path, tmp_path: Path) -> None:
    """What would be ignored in FP32 is refused."""
    result = run(
        *(given / "nano", "--name", "x", "--models", tmp_path / "models", "--sensitivity"),
        *("--data", f"dev={given / 'dev.tsv'}"),
    )
    assert result.exit_code == 2
    assert "--calibration and --sensitivity are of --precision int8" in result.stderr


def test_bars_are_the_recipes_unless_given(tmp_path: Path) -> None:
    """[quality] of the checkpoint's recipe refuses what it must, and an option overrides it."""
    recipe = changed(STUDENT, data__train="t", distillation__teacher="t")
    recipe["data"]["labels"] = {"positive": "good", "negative": "bad"}
    recipe["quality"] = {"min_agreement": 1.0, "max_accuracy_drop": 0.0}
    model, tokenizer = tiny_bilstm(("good", "bad")), tiny_hub_tokenizer()
    with torch.no_grad():  # of a token that no text has: in 8 bits, nothing is left of the others
        model.embedding.weight[tokenizer.mask_token_id] = 1e4
    save_checkpoint(tmp_path / "student", model, tokenizer, parse_recipe(recipe, "test"), {})
    toy_data(tmp_path / "dev.tsv", 200, seed=1)
    arguments = [tmp_path / "student", "--name", "student", "--models", tmp_path / "models"]
    arguments += ["--precision", "int8", "--data", f"dev={tmp_path / 'dev.tsv'}"]
    arguments += ["--calibration", toy_data(tmp_path / "more.tsv", 50, seed=5)]
    refused = run(*arguments)
    assert refused.exit_code == 1
    assert "not published: agreement 0." in refused.stderr
    assert "needed 1" in refused.stderr
    assert not (tmp_path / "models").exists() or not list((tmp_path / "models").rglob("*"))
    report = json.loads((tmp_path / "reports" / "refused-student.json").read_text())
    assert (report["name"], report["precision"]) == ("student", "int8")
    assert report["findings"][0]["what"].startswith("agreement 0.")
    page = tmp_path / "reports" / "refused-student.txt"
    assert f"report: {page}" in refused.stderr
    assert "--min-agreement" in page.read_text()
    assert (tmp_path / "student" / "model.safetensors").is_file()  # the training is kept
    lenient = run(*arguments, "--min-agreement", "0.5", "--max-accuracy-drop", "0.5")
    assert lenient.exit_code == 1
    assert "--max-recall-drop 0.2" in lenient.stderr
    arguments += ["--max-recall-drop", "1"]
    lenient = run(*arguments, "--min-agreement", "0.5", "--max-accuracy-drop", "0.5")
    assert lenient.exit_code == 0, lenient.output


def test_manifest_is_plain_json(given: Path, tmp_path: Path) -> None:
    """Other programs can read the manifest."""
    result = run(
        *(given / "nano", "--name", "x", "--models", tmp_path),
        *("--data", f"dev={given / 'dev.tsv'}"),
    )
    assert result.exit_code == 0, result.output
    written = json.loads((tmp_path / "x" / "1" / "manifest.json").read_text())
    assert (written["name"], written["version"], written["schema_version"]) == ("x", 1, 2)


def test_a_licence_is_never_assumed(tmp_path: Path) -> None:
    """It is what the user says, or the model card; nobody's is an error before anything long."""
    source = from_elsewhere(tmp_path / "elsewhere", tiny_bilstm())
    common = [source, "--name", "x", "--models", tmp_path / "models"]
    refused = run(*common, "--no-licence")
    assert refused.exit_code == 1
    assert "no licence is known of" in refused.stderr
    assert "export the graph" not in refused.stderr
    (source / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\nTheirs.\n")
    assert run(*common, "--no-licence").exit_code == 0
    assert read_manifest(tmp_path / "models" / "x" / "1").licence == "cc-by-nc-4.0"
    assert run(*common, "--licence", "MIT").exit_code == 0
    assert read_manifest(tmp_path / "models" / "x" / "2").licence == "MIT"
    assert (source / "README.md").read_text().endswith("Theirs.\n")


def test_a_model_card_is_written(given: Path, tmp_path: Path) -> None:
    """Beside the checkpoint, with the hub's metadata; an owner's own stays, --card is elsewhere."""
    source = from_elsewhere(tmp_path / "elsewhere", tiny_bilstm())
    common = [source, "--name", "x", "--models", tmp_path / "models", "--data", given / "dev.tsv"]
    assert run(*common).exit_code == 0
    values = metadata_load(source / "README.md")
    assert values is not None
    assert (values["license"], values["pipeline_tag"]) == ("mit", "text-classification")
    (result,) = values["model-index"][0]["results"]
    assert result["dataset"]["name"] == "dev"
    assert "| positive | " in (source / "README.md").read_text()
    again = run(*common)  # its own card is written anew
    assert f"model card: {source / 'README.md'}" in again.output
    assert "# x, version 2" in (source / "README.md").read_text()
    (source / "README.md").write_text("Theirs.\n")
    assert "is its owner's, and stays" in run(*common).output
    assert run(*common, "--card", tmp_path / "card.md").exit_code == 0
    assert "# x, version 4" in (tmp_path / "card.md").read_text()


def test_temperature_is_fitted_on_what_the_recipe_held_out(tmp_path: Path) -> None:
    """Not on the test set; without a recipe it is said that there is none, and --fit gives one."""
    train = toy_data(tmp_path / "train.tsv", 200, seed=8)
    dev = toy_data(tmp_path / "dev.tsv", 60, seed=1)
    recipe = parse_recipe(
        changed(STUDENT, data__train=str(train), distillation__teacher="t"), "test"
    )
    save_checkpoint(tmp_path / "student", tiny_bilstm(), tiny_hub_tokenizer(), recipe, {})
    models = tmp_path / "models"
    common = [tmp_path / "student", "--name", "x", "--models", models, "--data", dev]
    assert run(*common).exit_code == 0
    checkpoint = load_checkpoint(str(tmp_path / "student"))
    fit = load_split(recipe.data).fit
    expected = fit_temperature(reference_logits(checkpoint, fit.texts), fit.targets)
    found = read_manifest(models / "x" / "1").temperature
    assert found == pytest.approx(expected, rel=1e-3)
    assert found != 1.0
    source = from_elsewhere(tmp_path / "elsewhere", tiny_bilstm())
    plain = run(source, "--name", "y", "--models", models, "--data", dev)
    assert "no temperature is fitted: --fit names labelled texts" in plain.stderr
    assert read_manifest(models / "y" / "1").temperature == 1.0
    assert (
        run(source, "--name", "y", "--models", models, "--data", dev, "--fit", train).exit_code == 0
    )
    assert read_manifest(models / "y" / "2").temperature != 1.0
    spoilt = run(source, "--name", "y", "--models", models, "--data", dev, "--fit", dev)
    assert "fit on others than you measure on" in spoilt.stderr


def test_without_labelled_data(tmp_path: Path) -> None:
    """A checkpoint alone is enough to publish in FP32, and what is not known is said."""
    source = from_elsewhere(tmp_path / "elsewhere", tiny_nano())
    found = run(source, "--name", "x", "--models", tmp_path / "models")
    assert found.exit_code == 0, found.output
    assert "not looked at: no labelled texts" in found.stderr
    small = run(
        source,
        "--name",
        "x",
        "--models",
        tmp_path / "models",
        "--precision",
        "int8",
        "--calibration",
        toy_data(tmp_path / "some.tsv", 30, seed=3),
    )
    assert small.exit_code == 1
    assert "texts are too few to show an agreement" in small.stderr
