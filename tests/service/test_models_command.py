"""`stillhouse models`, as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli import main
from service.repository.sections import LabelMetrics, Metrics, Parity
from service.repository.sources import ModelRepository
from tests.service.builders import publish_tagger, publish_tiny, write_cascade
from tests.service.embedders import publish_embedder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A student of two versions and a teacher that was measured, with a cascade."""
    publish_tiny(tmp_path, "student")
    publish_tiny(tmp_path, "student", 2)
    one = LabelMetrics(n=5, precision=None, recall=0.5, recall_low=0.1, recall_high=0.9, f1=0.0)
    publish_tiny(
        tmp_path,
        "teacher",
        metrics={"dev": Metrics(n=9, accuracy=0.8889, macro_f1=0.7, by_label={"negative": one})},
        parity=Parity(n=9, max_logit_difference=1e-6, agreement=1.0, accuracy_drop=None),
    )
    write_cascade(tmp_path)
    return tmp_path


def run(root: Path, *arguments: str) -> Result:
    """Runs `stillhouse models` in this process."""
    return CliRunner().invoke(main, ["models", *arguments, "--models", str(root)])


def test_list_has_every_version_and_route(root: Path) -> None:
    """Each with what was measured; a version that cannot be read is told, not hidden."""
    (root / "student" / "2" / "manifest.json").write_text("{}")
    found = run(root, "list")
    assert found.exit_code == 0, found.output
    assert "dev: accuracy 0.8889 (n 9)" in found.output
    assert "student@1" in found.output
    assert "student@2  student/2: manifest.json is not valid" in found.output
    assert (
        "auto: student -> teacher, at most 1.00% of texts answered wrongly that teacher"
        in found.output
    )
    assert "default: auto" in found.output


def test_list_says_what_a_cascade_is_worth_under_overload(root: Path) -> None:
    """Where it answers then."""
    assert "overload" not in run(root, "list").output
    write_cascade(root, overload="answer")
    found = run(root, "list").output
    assert "auto answers under overload too: accuracy 0.8800 where no text goes on" in found


def test_list_of_nothing(tmp_path: Path) -> None:
    """An empty repository is empty; a directory that is not there is an error."""
    assert f"no models in {tmp_path}" in run(tmp_path, "list").output
    missing = run(tmp_path / "absent", "list")
    assert missing.exit_code == 1
    assert "no such directory" in missing.output


def test_show(root: Path) -> None:
    """In words, or the manifest itself."""
    found = run(root, "show", "teacher")
    assert found.exit_code == 0, found.output
    assert "text-classification (single_label)\nlabels: negative, positive" in found.output
    assert "negative: n 5, precision -, recall 0.5000 (0.1000 to 0.9000)" in found.output
    assert "accuracy lower by -" in found.output
    told = json.loads(run(root, "show", "teacher@1", "--json").output)
    assert (told["name"], told["version"]) == ("teacher", 1)
    assert "there are ['student', 'teacher']" in run(root, "show", "nobody").output


def test_models_of_every_task_are_told(root: Path) -> None:
    """What each takes and gives, in the list and one by one; and what of the routes cannot be."""
    publish_tagger(root, "tagger", metrics={"dev": Metrics(n=4, entity_f1=0.5)})
    publish_tiny(root, "nli", pairs=True, windows={"stride": 3})
    publish_embedder(root, dimensions=(4,), prompts={"query": "find: "})
    write_cascade(root)
    (root / "routes.toml").write_text(
        (root / "routes.toml").read_text() + '\n[shadow.student]\nwith = "tagger"\nshare = 1.0\n'
    )
    listed = run(root, "list").output
    assert "dev: entity F1 0.5000 (n 4)" in listed
    for words in ("token-classification", "single_label, pairs", "feature-extraction"):
        assert words in listed
    assert "WARNING: shadow of 'student', text-classification (single_label): 'tagger' is" in listed
    pairs = run(root, "show", "nli").output
    assert "text-classification of pairs (single_label)\n" in pairs
    assert "longer texts in windows that share 3 tokens, pooled by mean\n" in pairs
    embedder = run(root, "show", "embedder").output
    assert "embeddings of 8 numbers, mean pooling, of length 1\n" in embedder
    assert "shorter ones: 4\nprompt query: 'find: '\n" in embedder
    assert "labels:" not in embedder


def test_remove_refuses_what_is_named(root: Path) -> None:
    """What a route names stays unless forced; which version has to be said."""
    refused = run(root, "remove", "student@1")
    assert refused.exit_code == 1
    assert "not removed: cascade 'auto' was fitted on student@1" in refused.output
    assert "--force" in refused.output
    assert "such as student@2, or all of them with --all" in run(root, "remove", "student").output
    assert ModelRepository(root).versions()["student"] == [1, 2]
    assert run(root, "remove", "student@2").output == "removed student@2\n"
    whole = run(root, "remove", "student", "--all", "--force")
    assert whole.exit_code == 0, whole.output
    assert ModelRepository(root).versions() == {"teacher": [1]}


def test_rename_labels(root: Path) -> None:
    """A new version with other names; a mistake is told."""
    found = run(root, "rename-labels", "teacher", "negative=bad", "positive=very good")
    assert found.exit_code == 0, found.output
    assert "teacher@2: bad, very good" in found.output
    wrong = run(root, "rename-labels", "teacher", "negative")
    assert wrong.exit_code == 2
    assert "should look like" in wrong.output


def test_it_needs_the_base_install_alone(root: Path) -> None:
    """Listing and showing load no torch, no transformers, and no training library."""
    script = (
        "import sys, cli\n"
        f"for words in (['list'], ['show', 'teacher']):\n"
        f"    cli.main(['models', *words, '--models', {str(root)!r}], standalone_mode=False)\n"
        "heavy = ('torch', 'transformers', 'onnx', 'datasets', 'scipy', 'sklearn')\n"
        "print(*(name for name in heavy if name in sys.modules), 'looked')"
    )
    found = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.splitlines()[-1] == "looked"
