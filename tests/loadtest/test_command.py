"""`stillhouse loadtest`, end to end, against a stand-in for the service.

Locust runs in a process of its own, so its monkey-patching stays out of this one.
"""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import loadtest
from loadtest.cli import loadtest as command
from loadtest.report import read_report
from loadtest.results import Report
from tests.loadtest.stand_in import Behaviour, stand_in

ROOT = Path(loadtest.__file__).resolve().parents[1]


@dataclass(frozen=True)
class Session:
    """A finished `stillhouse loadtest`."""

    exit_code: int
    output: str
    report: Report
    page: str
    behaviour: Behaviour


def invoke(host: str, output: Path, *options: str) -> Result:
    """Runs the command with few users, for a second a run."""
    arguments = ["--host", host, "--output", str(output), "--users", "3", "--seconds", "1"]
    return CliRunner().invoke(command, [*arguments, *options])


def run_student(behaviour: Behaviour, output: Path, *options: str) -> Session:
    """Loads the student alone, and reads the report."""
    with stand_in(behaviour) as host:
        result = invoke(host, output, "--models", "student", *options)
    (path,) = output.glob("*.json")
    page = path.with_suffix(".html").read_text(encoding="utf-8")
    return Session(result.exit_code, result.output, read_report(path), page, behaviour)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Everything, as a user's shell runs it, against a service that does well."""
    behaviour = Behaviour()
    output = tmp_path_factory.mktemp("reports")
    options = ["--users", "3", "--seconds", "2", "--output", str(output)]
    with stand_in(behaviour) as host:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "cli", "loadtest", "--host", host, *options],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=120,
        )
    assert done.stderr == ""
    (path,) = output.glob("*.json")
    page = path.with_suffix(".html").read_text(encoding="utf-8")
    return Session(done.returncode, done.stdout, read_report(path), page, behaviour)


def test_runs_are_in_turn_and_the_mix_is_last(whole: Session) -> None:
    """No model is asked while another's run lasts, but in the mix."""
    assert whole.exit_code == 0
    assert [run.name for run in whole.report.runs] == ["teacher", "student", "mix"]
    asked = [body["model"] for body in whole.behaviour.asked]
    first_student = asked.index("student")
    assert set(asked[:first_student]) == {"teacher"}
    assert "teacher" in asked[first_student:]


def test_numbers_are_consistent(whole: Session) -> None:
    """Counts add up, percentiles ascend, and the slower model is the slower one."""
    report = whole.report
    for run in report.runs:
        assert run.total.requests == sum(row.requests for row in run.rows) > 0
        assert run.total.failures == 0
        assert run.failures == ()
        assert len(run.seconds) == 2
        rate = run.total.requests / run.seconds[-1].at
        assert run.total.requests_per_second == pytest.approx(rate, rel=0.01)
        assert 0 < run.generator_cpu < 2
        for row in (run.total, *run.rows):
            times = (row.p50_ms, row.p95_ms, row.p99_ms, row.max_ms)
            assert list(times) == sorted(time for time in times if time is not None)
    teacher, student, _ = (run.total.p50_ms or 0.0 for run in report.runs)
    assert teacher >= 20
    assert teacher > student >= 5
    counted = sum(run.total.requests for run in report.runs)
    assert counted < len(whole.behaviour.asked)  # the warm-up is not counted


def test_mix_asks_both_and_sometimes_for_several(whole: Session) -> None:
    """The student is asked most, and each kind of request is a row of its own."""
    mix = {row.name: row.requests for row in whole.report.runs[2].rows}
    assert set(mix) == {"mix: student", "mix: student, several texts", "mix: teacher"}
    assert mix["mix: student"] == max(mix.values())
    lists = [body["inputs"] for body in whole.behaviour.asked if isinstance(body["inputs"], list)]
    assert all(len(set(texts)) == len(texts) >= 2 for texts in lists)


def test_sentences_are_varied(whole: Session) -> None:
    """No sentence is a large part of what is asked, and all are from the file."""
    sentences = (ROOT / "loadtest" / "sentences.txt").read_text(encoding="utf-8").splitlines()
    single = Counter(b["inputs"] for b in whole.behaviour.asked if isinstance(b["inputs"], str))
    assert set(single) <= set(sentences)
    assert single.most_common(1)[0][1] < single.total() / 10


def test_metadata_says_how_it_was_run(whole: Session) -> None:
    """Where, how much, when and with what is in the report."""
    report = whole.report
    assert report.host.startswith("http://127.0.0.1:")
    assert (report.users, report.seconds, report.warm_up_seconds) == (3, 2, 1.0)
    assert report.started_at.tzinfo is not None
    assert report.cpu_count >= 1
    assert report.locust_version
    assert report.broken == ()


def test_page_and_table_show_each_model(whole: Session) -> None:
    """A person sees the same names in the terminal and on the page."""
    for name in ("teacher", "student", "mix: student, several texts"):
        assert name in whole.output
        assert name in whole.page
    assert "p99" in whole.output
    assert "src=" not in whole.page
    assert "href=" not in whole.page


def test_failures_are_counted_and_fail_the_command(tmp_path: Path) -> None:
    """Every third answer is a 503: a third of the requests failed, of that kind."""
    session = run_student(Behaviour(fail_every=3), tmp_path)
    total = session.report.runs[0].total
    assert session.exit_code == 1
    assert total.failures / total.requests == pytest.approx(1 / 3, abs=0.05)
    (kind,) = session.report.runs[0].failures
    assert (kind.name, kind.kind, kind.count) == ("student", "status 503", total.failures)
    assert "status 503" in session.page
    assert len(session.report.broken) == 1


def test_allowed_failures_do_not_fail_the_command(tmp_path: Path) -> None:
    """A share of failures below the one that is allowed is reported, no more."""
    session = run_student(Behaviour(fail_every=3), tmp_path, "--max-error-share", "0.5")
    assert session.exit_code == 0
    assert session.report.runs[0].total.failures > 0


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (Behaviour(answered_by="teacher"), "status 200 answered by another model"),
        (Behaviour(missing=1), "status 200 with too few or too many predictions"),
    ],
    ids=["another model", "no prediction"],
)
def test_wrong_answers_are_failures(behaviour: Behaviour, kind: str, tmp_path: Path) -> None:
    """A status of 200 is not enough."""
    session = run_student(behaviour, tmp_path)
    (run,) = session.report.runs
    assert session.exit_code == 1
    assert run.total.failures == run.total.requests > 0
    assert [failure.kind for failure in run.failures] == [kind]


def test_slow_answers_fail_the_command(tmp_path: Path) -> None:
    """A p99 over the limit is an error, though no request failed, and the report is written."""
    session = run_student(Behaviour(), tmp_path, "--max-p99-ms", "1")
    assert session.exit_code == 1
    assert "p99 is" in session.output
    assert session.report.runs[0].total.failures == 0
    assert "where 1 is allowed" in session.page


@pytest.mark.parametrize(
    ("behaviour", "models", "words"),
    [
        (Behaviour(), "student,tutor", "no model 'tutor'; there are: student, teacher"),
        (Behaviour(states={"student": "ready"}), "mix", "no model 'teacher'"),
        (Behaviour(states={"student": "unavailable"}), "student", "it is unavailable"),
        (Behaviour(ready=False), "student", "/readyz says 503: draining"),
    ],
    ids=["unknown", "unknown to the mix", "unavailable", "draining"],
)
def test_an_unfit_service_is_refused(
    behaviour: Behaviour, models: str, words: str, tmp_path: Path
) -> None:
    """It is refused before any load, and no report is written."""
    with stand_in(behaviour) as host:
        result = invoke(host, tmp_path, "--models", models)
    assert result.exit_code == 1
    assert words in result.output
    assert behaviour.asked == []
    assert list(tmp_path.iterdir()) == []


def test_a_service_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The error names the address that did not answer."""
    with stand_in(Behaviour()) as host:
        pass
    result = invoke(host, tmp_path)
    assert result.exit_code == 1
    assert f"{host}/readyz does not answer" in result.output


@pytest.mark.parametrize(
    "options",
    [("--host", "localhost:8000"), ("--host", "http://me:secret@localhost"), ("--models", " , ")],
    ids=["no scheme", "a password", "no model"],
)
def test_wrong_options_are_refused(options: tuple[str, str], tmp_path: Path) -> None:
    """Click says which option is wrong, and a password gets into no report."""
    result = CliRunner().invoke(command, ["--output", str(tmp_path), *options])
    assert result.exit_code == 2
    assert options[0] in result.output
    assert list(tmp_path.iterdir()) == []


def test_without_locust_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has the base install alone is told what to install."""
    monkeypatch.setitem(sys.modules, "locust", None)
    result = CliRunner().invoke(command, [])
    assert result.exit_code == 1
    assert "pip install 'stillhouse[loadtest]'" in result.output


def test_locust_stays_out_of_this_process() -> None:
    """Importing the command patches nothing: gevent is not even loaded."""
    code = "import sys, cli; print(sorted({'gevent', 'locust', 'jinja2'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"


def test_locustfile_works_alone(tmp_path: Path) -> None:
    """Plain `locust` takes the file, from any directory, and knows its users by name."""
    behaviour = Behaviour()
    locustfile = str(ROOT / "loadtest" / "locustfile.py")
    with stand_in(behaviour) as host:
        options = ["--host", host, "--headless", "--users", "2", "--run-time", "1s", "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "locust", "-f", locustfile, *options, "StudentUser"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=60,
        )
        listed = subprocess.run(
            [sys.executable, "-m", "locust", "-f", locustfile, "--list"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    (entry,) = json.loads(done.stdout)
    assert (entry["name"], entry["num_failures"]) == ("student", 0)
    assert entry["num_requests"] > 0
    users = {"TeacherUser", "StudentUser", "MixUser"}
    assert users == set(listed.stdout.split()) & {*users, "PredictUser", "OneModelUser"}
