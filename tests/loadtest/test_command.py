"""`stillhouse loadtest`, end to end, against a stand-in for the service.

Locust runs in a process of its own, so its monkey-patching stays out of this one.
"""

import itertools
import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import loadtest
from loadtest.cli import loadtest as command
from loadtest.load import Closed
from loadtest.report.files import read_report, to_json
from loadtest.results import Report, Run
from loadtest.traffic.texts import SENTENCES
from tests.loadtest.stand_in import Behaviour, stand_in

ROOT = Path(loadtest.__file__).resolve().parents[1]
KEY = "sesame-0815"


@dataclass(frozen=True)
class Session:
    """A finished `stillhouse loadtest`."""

    exit_code: int
    output: str
    report: Report
    page: str
    behaviour: Behaviour

    @property
    def run(self) -> Run:
        """The only run."""
        (found,) = self.report.runs
        return found


def invoke(host: str, output: Path, *options: str) -> Result:
    """Runs the command, for a second a run."""
    arguments = ["--host", host, "--output", str(output), "--seconds", "1", *options]
    return CliRunner().invoke(command, arguments)


def load(behaviour: Behaviour, output: Path, *options: str) -> Session:
    """Runs the command to its end, and reads the report."""
    with stand_in(behaviour) as host:
        result = invoke(host, output, *options)
    paths = list(output.glob("*.json"))
    assert len(paths) == 1, result.output
    page = paths[0].with_suffix(".html").read_text(encoding="utf-8")
    return Session(result.exit_code, result.output, read_report(paths[0]), page, behaviour)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """All models, as a user's shell runs it, against a service that does well and has a key."""
    behaviour = Behaviour(cascades={"auto": ["student", "teacher"]}, key=KEY)
    output = tmp_path_factory.mktemp("reports")
    options = ["--users", "3", "--seconds", "2", "--output", str(output)]
    with stand_in(behaviour) as host:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "cli", "loadtest", "--host", host, *options],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=120,
            env={**os.environ, "STILLHOUSE_API_KEY": KEY},
        )
    assert done.stderr == ""
    (path,) = output.glob("*.json")
    page = path.with_suffix(".html").read_text(encoding="utf-8")
    return Session(done.returncode, done.stdout, read_report(path), page, behaviour)


def test_runs_are_in_turn(whole: Session) -> None:
    """Every model and every cascade has one, and none is asked while another's lasts."""
    assert whole.exit_code == 0
    assert [run.name for run in whole.report.runs] == ["teacher", "student", "auto"]
    asked = [body["model"] for body in whole.behaviour.asked][3:]  # without the check's
    assert [name for name, _ in itertools.groupby(asked)] == ["teacher", "student", "auto"]


def test_numbers_are_consistent(whole: Session) -> None:
    """Counts add up, percentiles ascend, and the slower model is the slower one."""
    report = whole.report
    for run in report.runs:
        assert run.total.requests == sum(row.requests for row in run.rows) > 0
        assert (run.total.failures, run.failures) == (0, ())
        assert len(run.timeline) == run.seconds == 2
        assert run.total.requests_per_second == pytest.approx(run.total.requests / 2, abs=1e-3)
        assert 0 < run.generator.cpu < 2
        assert run.generator.lag_p99_ms is not None
        times = (run.total.p50_ms, run.total.p95_ms, run.total.p99_ms, run.total.max_ms)
        assert list(times) == sorted(time for time in times if time is not None)
    teacher, student, _ = (run.total.p50_ms or 0.0 for run in report.runs)
    assert teacher >= 20
    assert teacher > student >= 5
    counted = sum(run.total.requests for run in report.runs)
    assert counted < len(whole.behaviour.asked)  # the warm-up is not counted


def test_a_cascade_has_its_escalated_share(whole: Session) -> None:
    """Of the stand-in's every second answer."""
    shares = [run.total.escalated_share for run in whole.report.runs]
    assert shares == [0, 0, pytest.approx(0.5, abs=0.1)]
    assert "of the texts escalated" in whole.output


def test_the_services_own_times_are_beside_the_clients(whole: Session) -> None:
    """Queue, tokenising and model as its answers tell, and its batches as its metrics do."""
    for run in whole.report.runs:
        means = {stage.name: stage.mean_ms for stage in run.total.stages}
        told = [means[name] for name in ("queue", "tokenize", "inference", "service")]
        assert told == [0.5, 0.25, 3.0, 0.25]
        (batches,) = run.batches
        assert (batches.model, batches.texts) == ("student", 2 * batches.batches)
        assert batches.batches >= run.total.requests


def test_sentences_are_varied(whole: Session) -> None:
    """No sentence is a large part of what is asked, and all are from the file."""
    sentences = SENTENCES.read_text(encoding="utf-8").splitlines()
    single = Counter(body["inputs"] for body in whole.behaviour.asked[3:])
    assert set(single) <= set(sentences)
    assert single.most_common(1)[0][1] < single.total() / 10


def test_metadata_says_how_it_was_run(whole: Session) -> None:
    """Where, how much, when and with what is in the report; the key is nowhere."""
    report = whole.report
    assert report.host.startswith("http://127.0.0.1:")
    assert {run.pace for run in report.runs} == {Closed(3)}
    assert report.started_at.tzinfo is not None
    assert report.cpu_count >= 1
    assert report.locust_version
    assert report.broken == ()
    assert KEY not in whole.page + whole.output + to_json(report)


def test_page_and_table_show_each_model(whole: Session) -> None:
    """A person sees the same names in the terminal and on the page."""
    for name in ("teacher", "student", "auto", "p99"):
        assert name in whole.output
        assert name in whole.page


def test_a_mix_and_a_file_of_texts(tmp_path: Path) -> None:
    """Models, numbers of texts and lengths are rows of their own, in an open loop as well."""
    texts = tmp_path / "texts.tsv"
    texts.write_text("label\ttext\n" + "".join(f"1\ttext number {n}\n" for n in range(9)))
    mix = ["--mix", "student=0.5,teacher=0.5", "--batch", "1=0.5,3=0.5", "--texts", str(texts)]
    session = load(Behaviour(), tmp_path, *mix, "--rate", "60", "--arrivals", "constant")
    assert session.exit_code == 0, session.output
    assert session.run.total.requests == 60
    assert {row.name for row in session.run.rows} == {
        "student", "teacher", "student, 3 texts", "teacher, 3 texts",
    }  # fmt: skip
    sent = [body["inputs"] for body in session.behaviour.asked[2:]]
    words = {text for inputs in sent for text in ([inputs] if isinstance(inputs, str) else inputs)}
    assert words <= {f"text number {n}" for n in range(9)}
    assert str(tmp_path) not in to_json(session.report)


def test_labelled_texts_tell_the_accuracy_and_degraded_answers_are_counted(tmp_path: Path) -> None:
    """Of what was answered, whoever answered; the texts are sent without their labels."""
    texts = tmp_path / "texts.tsv"
    texts.write_text("text\tlabel\n" + "".join(f"number {n}\t{n % 4 > 0:d}\n" for n in range(40)))
    behaviour = Behaviour(
        cascades={"auto": ["student", "teacher"]}, labels=("negative", "positive"), degrades=True
    )
    options = ["--model", "auto", "--texts", str(texts), "--profile", "100-300/2s"]
    session = load(behaviour, tmp_path / "out", *options, "--fail-if", "accuracy<0.9,degraded>10%")
    total = session.run.total
    assert total.labelled == total.texts == total.requests
    assert total.accuracy == pytest.approx(0.75, abs=0.1)
    assert total.degraded_share == pytest.approx(0.5, abs=0.05)
    assert session.exit_code == 3
    assert len(session.report.broken) == 2
    assert (
        f"accuracy of what was answered {total.accuracy:.2%} (n = {total.texts})" in session.output
    )
    assert "of the texts degraded" in session.output
    assert f"{total.accuracy:.2%} ({total.texts})" in session.page
    assert "auto: degraded texts, %" in session.page
    shares = [second.degraded_share for second in session.run.timeline]
    assert shares == [pytest.approx(0.5, abs=0.1)] * 2
    assert set(session.behaviour.asked[1]) == {"inputs", "model"}


def test_labels_that_the_model_does_not_give_are_told(tmp_path: Path) -> None:
    """The texts are sent all the same; the report says why it has no accuracy."""
    texts = tmp_path / "texts.tsv"
    texts.write_text("text\tlabel\none\tsports\n")
    options = ["--model", "student", "--texts", str(texts), "--rate", "20"]
    session = load(Behaviour(labels=("negative", "positive")), tmp_path / "out", *options)
    assert session.exit_code == 0, session.output
    assert session.run.total.accuracy is None
    assert "student: its accuracy is not told" in session.output


def standing_still() -> Behaviour:
    """At every hundredth request, for a while."""
    return Behaviour(stall_every=100, stall_seconds=0.6)


def test_an_open_loop_does_not_hide_a_stall(tmp_path: Path) -> None:
    """Coordinated omission: a service that stands still for a while looks well in a closed loop.

    At every hundredth request it does. One user waits that while out and asks nothing: one time
    of a hundred is bad. Of requests that come regardless, a quarter is late.
    """
    closed_options = ("--model", "student", "--users", "1", "--seconds", "3")
    closed = load(standing_still(), tmp_path / "closed", *closed_options).run.total
    open_options = ("--model", "student", "--rate", "60", "--arrivals", "constant")
    opened = load(standing_still(), tmp_path / "open", *open_options, "--seconds", "2").run.total
    assert opened.requests == 120
    assert (closed.p95_ms or 0.0) < 300 < (opened.p95_ms or 0.0)
    assert (opened.p95_ms or 0.0) < 30_000


def test_workers_share_an_open_loop(tmp_path: Path) -> None:
    """Locust's workers together send what the profile says, each request once."""
    options = ["--model", "student", "--profile", "20-60/2s", "--arrivals", "constant"]
    session = load(Behaviour(), tmp_path, *options, "--workers", "2")
    assert session.exit_code == 0, session.output
    assert session.run.total.requests == 80
    assert session.run.generator.processes == 2
    offered = [second.offered_per_second for second in session.run.timeline]
    assert offered == [pytest.approx(30), pytest.approx(50)]


def test_workers_share_the_users_of_closed_loops(tmp_path: Path) -> None:
    """Every number of users is a run, and no more ask at once than there are."""
    options = ["--model", "student", "--users", "1,3", "--workers", "2"]
    session = load(Behaviour(), tmp_path, *options)
    assert [run.name for run in session.report.runs] == ["student, 1 user", "student, 3 users"]
    one, three = (run.total.answered_per_second for run in session.report.runs)
    assert 0 < one <= 200  # a user waits 5 ms for each
    assert 0 < three <= 600


def test_a_capacity_is_searched(tmp_path: Path) -> None:
    """Up to the highest rate that may be tried; the report has every step and the price."""
    options = ["--model", "student", "--capacity", "--slo", "p99=60s", "--first-rate", "10"]
    options += ["--highest-rate", "25", "--step-seconds", "1", "--step-samples", "1"]
    limit = ["--fail-if", "capacity<26", "--price-core-hour", "0.04"]
    session = load(Behaviour(), tmp_path, *options, *limit)
    assert session.exit_code == 3
    (capacity,) = session.report.capacities
    assert [step.rate for step in capacity.steps] == [10, 20, 25]
    assert (capacity.rate, capacity.ended_by) == (25, "highest")
    assert "capacity at least 25 req/s" in session.output
    (cost,) = session.report.costs
    assert cost.of_a_million == pytest.approx(0.04 * 1e6 / 25 / 3600, abs=1e-4)


def test_failures_are_counted_by_kind_and_fail_the_command(tmp_path: Path) -> None:
    """Every third answer is a 503, and every fourth connection is closed: both are told."""
    behaviour = Behaviour(fail_every=3, hang_up_every=4)
    session = load(behaviour, tmp_path, "--model", "student", "--rate", "60")
    total = session.run.total
    assert session.exit_code == 3
    assert total.failures / total.requests == pytest.approx(1 / 2, abs=0.1)
    kinds = {kind.kind: kind.count for kind in session.run.failures}
    assert set(kinds) == {"status 503", "connection lost"}
    assert sum(kinds.values()) == total.failures
    assert "status 503" in session.page
    assert "the first failure came in second 1, when 60 req/s were offered" in session.output
    assert len(session.report.broken) == 1


def test_allowed_failures_do_not_fail_the_command(tmp_path: Path) -> None:
    """A share of failures below the one that is allowed is reported, no more."""
    options = ["--model", "student", "--fail-if", "errors>50%,p99>60s,throughput<1"]
    session = load(Behaviour(fail_every=3), tmp_path, *options)
    assert session.exit_code == 0
    assert session.run.total.failures > 0


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
    session = load(behaviour, tmp_path, "--model", "student")
    assert session.exit_code == 3
    assert session.run.total.failures == session.run.total.requests > 0
    assert [failure.kind for failure in session.run.failures] == [kind]


def test_slow_answers_fail_the_command(tmp_path: Path) -> None:
    """A p99 over the limit breaks it, though no request failed, and the report is written."""
    session = load(Behaviour(), tmp_path, "--model", "student", "--fail-if", "p99>1ms")
    assert session.exit_code == 3
    assert "(limit p99>1ms)" in session.output
    assert session.run.total.failures == 0
    assert "(limit p99&gt;1ms)" in session.page


@pytest.mark.parametrize(
    ("behaviour", "options", "words"),
    [
        (Behaviour(), ["--model", "tutor"], "no model 'tutor'; there are: teacher, student"),
        (Behaviour(states={"a": "ready"}), ["--mix", "a=1,b=1"], "no model 'b'"),
        (Behaviour(states={"a": "unavailable"}), ["--model", "a"], "it is unavailable"),
        (Behaviour(ready=False), [], "/readyz says 503: draining"),
        (Behaviour(key="other"), [], "needs a key"),
    ],
    ids=["unknown", "unknown to the mix", "unavailable", "draining", "no key"],
)
def test_an_unfit_service_is_refused(
    behaviour: Behaviour, options: list[str], words: str, tmp_path: Path
) -> None:
    """It is refused before any load, and no report is written."""
    with stand_in(behaviour) as host:
        result = invoke(host, tmp_path, *options)
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
        options = ["--host", host, "--headless", "--users", "2", "--json", "StudentUser"]
        with subprocess.Popen(
            [sys.executable, "-m", "locust", "-f", locustfile, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        ) as running:
            while len(behaviour.asked) < 5 and running.poll() is None:
                time.sleep(0.05)
            running.terminate()
            said, complaints = running.communicate(timeout=60)
        listed = subprocess.run(
            [sys.executable, "-m", "locust", "-f", locustfile, "--list"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=60,
        )
    assert running.returncode == 0, complaints
    (entry,) = json.loads(said)
    assert (entry["name"], entry["num_failures"]) == ("student", 0)
    assert entry["num_requests"] > 0
    users = {"TeacherUser", "StudentUser", "AutoUser", "MixUser", "OpenUser"}
    assert users == set(listed.stdout.split()) & {*users, "PredictUser", "PageUser"}
