"""`stillhouse compress`: from a teacher and texts to published models and a report."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from transformers import BertForTokenClassification

from export.cascade.fitting import fit_cascade
from export.compress import chains
from export.compress.results import Report
from service.repository.manifest import read_manifest
from service.repository.routes import Cascade, read_routes
from service.runtime.tasks.classification import Classifier
from tests.export.compress.conftest import LENIENT, Compress
from tests.tiny import tiny_encoder, tiny_hub_tokenizer
from training.data.labelled import LabelledText


def report_of(place: Path, *, newest: bool = True) -> Report:
    """The newest report under `place/reports`, or the oldest."""
    found = sorted((place / "reports").glob("*/report.json"), key=lambda path: path.stat().st_mtime)
    return Report.model_validate_json(found[-1 if newest else 0].read_bytes())


def versions(place: Path, name: str) -> list[str]:
    """The versions of a model under `place/models`."""
    return sorted(path.name for path in (place / "models" / name).iterdir())


def test_from_teacher_to_answers(given: Path, tmp_path: Path, compress: Compress) -> None:
    """It publishes a teacher, the student that keeps the promise and a cascade of them."""
    result = compress("--test", given / "test.tsv", *LENIENT)
    assert result.exit_code == 0, result.output
    student = Classifier.load(tmp_path / "models" / "student" / "1").manifest
    assert read_manifest(tmp_path / "models" / "teacher" / "1").precision == "fp32"
    routes = read_routes(tmp_path / "models")
    assert routes.default == "auto"
    assert routes.cascade["auto"].chain == ("student", "teacher")
    assert routes.cascade["auto"].fit.promise == "accuracy"
    assert not routes.problems({"student": (1,), "teacher": (1,)})
    assert f"stillhouse serve --models {tmp_path / 'models'}" in result.output
    assert "curl -s localhost:8000/predict" in result.output

    report = report_of(tmp_path)
    found = report.measured
    titles = ["teacher FP32", "tiny-student INT8", "tiny-student FP32"]
    assert [one.title for one in found.candidates] == titles
    assert found.student is not None
    assert found.student.precision == student.precision
    assert report.verdict.keeps
    assert report.headline.startswith(f"{found.student.title} keeps the promise: it ")
    memory = found.student.memory_bytes, found.reference.memory_bytes
    assert None not in memory
    assert " a second on a core, and not " in report.headline
    assert f", in {(memory[0] or 0) / 1e6:.3g} MB of memory and not " in report.headline
    assert result.stdout.startswith(f"{report.headline}\n{report.auto}\n")
    assert found.set_name == "test"
    assert found.student.metrics == student.metrics["test"]
    assert found.student.metrics.n == 200
    assert found.student.quality > 0.9
    pair = found.student.comparison
    assert pair is not None
    assert report.verdict.loss == pytest.approx(found.teacher.quality - found.student.quality)
    assert pair.loss == pytest.approx(found.teacher.quality - found.student.quality)
    assert found.disagreed == round((1 - (found.student.agreement or 0)) * 200)
    assert set(found.student.metrics.by_label or {}) == {"negative", "positive"}
    auto = found.auto
    assert auto is not None
    assert auto.reached[0] == 1.0
    times = found.student.mean_ms, found.reference.mean_ms
    assert auto.mean_ms == pytest.approx(times[0] + auto.reached[1] * times[1])
    (trial,) = report.tried
    assert (trial.share, trial.outcome) == (1.0, "trained whole and exported")


def test_a_start_of_general_text(given: Path, tmp_path: Path, compress: Compress) -> None:
    """An encoder that --start gives is trained, exported and told of as a candidate."""
    start = ("--candidates", "general", "--start", given / "base")
    short = ("--set", "training.steps=40", "--set", "distillation.augmentation.rows=600")
    result = compress("--test", given / "test.tsv", *LENIENT, *start, *short)
    assert result.exit_code in (0, 1), result.output
    (trial,) = [one for one in report_of(tmp_path).tried if "(" not in one.name]
    assert (trial.name, trial.outcome) == ("general-2", "trained whole and exported")


def test_the_page_needs_nothing(tmp_path: Path, again: Compress) -> None:
    """The report is one page with its pictures in it, the warnings before the figures."""
    shutil.rmtree(tmp_path / "reports")
    again(*LENIENT)
    (page,) = (path.read_text() for path in (tmp_path / "reports").glob("*/report.html"))
    assert not re.search(r"""(src|href)=["'](https?:)?//""", page)
    assert page.count("<svg") == 3
    assert page.index("Mind:") < page.index("What was kept")  # 60 texts are few
    for shown in ("McNemar", "teacher's recall", "What each set of texts was used for"):
        assert shown in page


def test_three_sets_where_there_is_no_test(done: Path) -> None:
    """Without --test what chooses, what fits and what measures are different texts."""
    uses = {use.name: use for use in report_of(done).uses}
    assert list(uses) == ["train", "choose", "fit", "measure"]
    assert len({use.sha256 for use in uses.values()}) == 4
    assert all(use.n for use in uses.values())
    assert report_of(done).measured.set_name == "measure"
    # The teacher of these tests was trained on texts that are held out here, and it is said.
    told = report_of(done).warnings
    assert any("nothing says that the teacher was not trained" in line for line in told)


def test_without_labels(
    given: Path, tmp_path: Path, compress: Compress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a teacher and texts alone the teacher labels, and the report says what is unknown.

    The cascade's promise is of how often it labels otherwise than its last model, which may label
    otherwise than the teacher in FP32 did: no labels go into it.
    """

    def fit(root: Path, names: Sequence[str], data: Any, *more: Any, **told: Any) -> Cascade:
        assert not isinstance(data, LabelledText)
        return fit_cascade(root, names, data, *more, **told)

    monkeypatch.setattr(chains, "fit_cascade", fit)
    texts = [line.split("\t")[0] for line in (given / "train.tsv").read_text().splitlines()]
    (tmp_path / "texts.tsv").write_text("\n".join(texts) + "\n")
    result = compress("--unlabelled", tmp_path / "texts.tsv", *LENIENT, data=None)
    assert result.exit_code == 0, result.output
    report = report_of(tmp_path)
    assert report.labelled_by == "teacher"
    assert report.measured.teacher.quality == 1.0
    assert report.cascade is not None
    assert report.cascade.fit.promise == "disagreement"
    (page,) = (path.read_text() for path in (tmp_path / "reports").glob("*/report.html"))
    assert "of texts labelled otherwise than by teacher; a bound on" in page
    assert "nothing of how often the teacher is right" in result.output
    assert compress(data=None).exit_code == 2


def test_a_test_set_is_read_as_its_user_says(tmp_path: Path, compress: Compress) -> None:
    """Beside texts without labels too, and before the teacher has labelled any of them."""
    (tmp_path / "more.csv").write_text("sentence\na good film\na bad film\n")
    (tmp_path / "test.csv").write_text("sentence,stars\na good film,five\na bad film,one\n")
    result = compress(
        *("--unlabelled", tmp_path / "more.csv", "--test", tmp_path / "test.csv"),
        *("--text-column", "sentence", "--label-column", "stars", *LENIENT),
        data=None,
    )
    assert result.exit_code == 1
    assert "has labels ['five', 'one'], the model ['negative', 'positive']" in result.output
    assert not list((tmp_path / "work").glob("*label*"))


def test_a_test_set_of_other_columns_is_measured_on(
    given: Path, tmp_path: Path, compress: Compress
) -> None:
    """By the candidates' trainings too, which read it beside what the teacher has labelled."""
    texts = [line.split("\t")[0] for line in (given / "train.tsv").read_text().splitlines()[1:]]
    (tmp_path / "more.tsv").write_text("\n".join(["sentence", *texts]) + "\n")
    rows = (given / "test.tsv").read_text().splitlines()[1:]
    renamed = [row.replace("positive", "five").replace("negative", "one") for row in rows]
    (tmp_path / "test.tsv").write_text("\n".join(["sentence\tstars", *renamed]) + "\n")
    result = compress(
        *("--unlabelled", tmp_path / "more.tsv", "--test", tmp_path / "test.tsv"),
        *("--text-column", "sentence", "--label-column", "stars", *LENIENT),
        *("--labels", "five=positive", "--labels", "one=negative"),
        data=None,
    )
    assert result.exit_code == 0, result.output
    assert report_of(tmp_path).measured.teacher.metrics.n == len(rows)


def test_labels_follow_the_teachers_order(given: Path, tmp_path: Path, again: Compress) -> None:
    """Labels mapped in any order are those of the teacher's logits: the same texts as before."""
    renamed = (given / "train.tsv").read_text().replace("\tpositive", "\t1")
    (tmp_path / "train.tsv").write_text(renamed.replace("\tnegative", "\t0"))
    result = again(
        *("--labels", "1=positive", "--labels", "0=negative", *LENIENT),
        data=tmp_path / "train.tsv",
    )
    assert result.exit_code == 0, result.output
    uses = {use.sha256 for use in report_of(tmp_path).uses}
    assert uses == {use.sha256 for use in report_of(tmp_path, newest=False).uses}


def test_a_teacher_of_another_task(tmp_path: Path, compress: Compress) -> None:
    """Is told before any text is read."""
    BertForTokenClassification(tiny_encoder().config).save_pretrained(tmp_path / "tagger")
    tiny_hub_tokenizer().save_pretrained(tmp_path / "tagger")
    result = compress("--teacher", tmp_path / "tagger")
    assert result.exit_code == 1
    assert "compress is for text-classification, and" in result.output
    assert "training/recipes/student-tagger.toml" in result.output


def test_a_name_that_is_a_route_is_refused(tmp_path: Path, compress: Compress) -> None:
    """A model that an alias hides would put all routes out of force; nothing is trained."""
    models = tmp_path / "models"
    models.mkdir()
    (models / "routes.toml").write_text('[aliases]\nstudent = "other@1"\n')
    result = compress()
    assert result.exit_code == 1
    assert "'student' is an alias or a cascade in routes.toml" in result.output
    assert [one.name for one in models.iterdir()] == ["routes.toml"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--labels", "positive=yes"), "the model's are ['negative', 'positive']"),
        (("--labels", "positive"), "should look like"),
        (("--candidates", "nonsense"), "no candidate 'nonsense': there are all, linear,"),
        (("--candidates", "layers-9"), "layers-9: the teacher has 2 layers"),
        (("--budget", "soon"), "--budget soon: give a time such as"),
        (("--teacher", "nowhere"), "no checkpoint at 'nowhere'"),
        (("--data", "nowhere.tsv"), "nowhere.tsv"),
        (("--name", "auto"), "must differ"),
        (("--work", __file__), "is a file"),
        (("--report", __file__), "is a file"),
        (("--name", "../away"), "'../away' is not a model's name"),
        (("--cascade-name", "a b"), "'a b' is not a cascade's name"),
    ],
)
def test_what_cannot_be_used(
    tmp_path: Path, compress: Compress, options: tuple[str], says: str
) -> None:
    """Bad input is told in one line before anything is trained or published."""
    result = compress(*options)
    assert result.exit_code != 0
    assert says in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "models").exists()
    assert not list((tmp_path / "work").glob("*distil*"))
