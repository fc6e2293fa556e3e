"""Fitting a cascade: the bound, the search, and what is written."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import binom

from cli import main
from export.cascade.bounds import METHODS, Limit, least_loss, share_bound
from export.cascade.fitting import fit_cascade
from export.cascade.judging import Judged, models_of
from export.cascade.routing import (
    overload_of,
    refuse_drawing,
    refuse_taken,
    write_cascade,
    write_default,
)
from export.cascade.thresholds import ASK_ALWAYS, chain_right, curve, lowest_threshold
from export.compress.publishing import route
from export.errors import ExportError
from service.repository.held import HeldFile
from service.repository.manifest import read_manifest
from service.repository.routes import Cascade, read_routes
from tests.service.builders import publish_tiny
from tests.service.embedders import publish_embedder
from training.data.labelled import LabelledText

LABELS = ("negative", "positive")


def judged(n: int, seed: int, error: float = 0.3) -> Judged:
    """A student that is wrong mostly when unsure, and a teacher that is right on 95%."""
    random = np.random.default_rng(seed)
    confidence = random.uniform(0.5, 1.0, n)
    student = random.random(n) > 2 * error * (1 - confidence)
    teacher = random.random(n) > 0.05
    return Judged(np.stack([confidence, np.ones(n)]), np.stack([student, teacher]))


@pytest.mark.parametrize(("harm", "n"), [(0, 600), (3, 1000), (10, 200)])
def test_bound_is_clopper_and_pearsons(harm: int, n: int) -> None:
    """At the bound, so little harm or less would be seen with probability 1 - confidence."""
    bound = share_bound(harm, n, 0.95)
    assert binom.cdf(harm, n, bound) == pytest.approx(0.05, abs=1e-6)
    assert share_bound(n, n, 0.95) == 1.0


def test_texts_needed_is_the_fewest() -> None:
    """With that many texts and no harm the bound holds, and with one less it does not."""
    limit = Limit(0.005, 0.95)
    needed = limit.texts_needed
    assert share_bound(0, needed, 0.95) <= 0.005 < share_bound(0, needed - 1, 0.95)
    limit.refuse_few(needed)
    with pytest.raises(ExportError, match="it takes 598"):
        limit.refuse_few(needed - 1)


@pytest.mark.parametrize(("n", "confidence"), [(1, 0.99999), (2, 0.999999999)])
def test_hardly_any_texts_are_refused(n: int, confidence: float) -> None:
    """With a sentence, however sure one wants to be."""
    with pytest.raises(ExportError, match=r"it takes \d+, or --max-accuracy-loss 0.9999"):
        Limit(0.05, confidence).refuse_few(n)


@pytest.mark.parametrize("n", [3, 100, 598])
def test_least_loss_is_the_next_ten_thousandth(n: int) -> None:
    """So many texts show it, and no smaller one."""
    bound = 1 - 0.05 ** (1 / n)
    assert bound <= least_loss(n, 0.95) < bound + 1e-4
    assert Limit(least_loss(n, 0.95), 0.95).texts_needed <= n


@pytest.mark.parametrize(
    ("loss", "confidence"), [(0.0, 0.95), (1.0, 0.95), (0.005, 0.0), (0.005, 1.0), (-0.5, 1.5)]
)
def test_shares_lie_between_0_and_1(loss: float, confidence: float) -> None:
    """No number of texts shows anything else."""
    with pytest.raises(ExportError, match="lie between 0 and 1"):
        Limit(loss, confidence)


def test_the_curve_is_that_of_the_chain() -> None:
    """By hand: of three texts the second stays with the first model, at 0.8 the first with the
    second; the strictest threshold leaves all to the last model, and none leaves all to the first.
    """  # noqa: D205
    confidence = np.array([[2 / 3, 0.9, 0.6], [0.9, 0.5, 0.5], [1.0, 1.0, 1.0]])
    right = np.array([[False, True, False], [True, False, False], [False, True, True]])
    first, *between, last = curve(Judged(confidence, right))
    assert (first.threshold, first.escalated, first.accuracy) == (ASK_ALWAYS, 1.0, 0.666667)
    assert (last.threshold, last.escalated, last.accuracy) == (0.0, 0.0, 0.333333)
    middle = [point for point in between if 0.7 < point.threshold <= 0.9]
    assert {(point.escalated, point.accuracy) for point in middle} == {(0.333333, 1.0)}
    assert [point.threshold for point in between] == sorted(
        (round(point.threshold, 6) for point in between), reverse=True
    )


def test_threshold_keeps_its_bound_and_saves_work() -> None:
    """The fitted threshold's harm is bounded by the limit, and some texts stay with the student."""
    found = judged(4000, 0)
    threshold, bound = lowest_threshold(found, Limit(0.02, 0.95, "lost-texts"))
    assert bound <= 0.02
    assert (found.confidence[0] >= threshold).mean() > 0.1


def test_limit_holds_on_fresh_data() -> None:
    """Over many fits, the true loss is over the limit no more often than stated."""
    fresh = judged(200_000, 999)
    over = 0
    for seed in range(100):
        threshold, _ = lowest_threshold(judged(800, seed), Limit(0.02, 0.9, "lost-texts"))
        harm = (fresh.right[-1] & ~chain_right(fresh, threshold)).mean()
        over += bool(harm > 0.02)
    assert over <= 17  # 10 expected at most; more than 17 has a chance below 1%


def test_useless_student_is_never_trusted() -> None:
    """A student whose confidence says nothing gets no text."""
    random = np.random.default_rng(0)
    confidence = np.stack([random.uniform(0.5, 1, 2000), np.ones(2000)])
    right = np.stack([random.random(2000) > 0.5, random.random(2000) > 0.05])
    threshold, _ = lowest_threshold(Judged(confidence, right), Limit(0.005, 0.95, "lost-texts"))
    assert threshold == ASK_ALWAYS or (confidence[0] >= threshold).mean() < 0.02
    confidence[0] = 1.0
    asked = lowest_threshold(Judged(confidence, right), Limit(0.005, 0.95, "lost-texts"))
    assert asked == (ASK_ALWAYS, float(share_bound(0, 2000, 0.95)))


def labelled(n: int) -> LabelledText:
    """Texts of which every fifth says too little for the weak student to be sure."""
    texts = ["good", "good good good film", "bad bad bad", "bad bad bad film", "good good good"]
    rows = [texts[index % 5] for index in range(n)]
    return LabelledText(rows, np.array([int("good" in row) for row in rows]), LABELS)


def test_fit_is_written_with_what_it_is_of(tmp_path: Path) -> None:
    """A fit is read back by the service as it was written, beside the routes that were there."""
    publish_tiny(tmp_path, "teacher")
    publish_tiny(tmp_path, "student", scores={"good": (0.0, 1.0), "bad": (1.0, 0.0)})
    (tmp_path / "routes.toml").write_text('[aliases]\nprod = "teacher@1"\n')
    data = tmp_path / "data.tsv"
    rows = labelled(800)
    data.write_text(
        "label\ttext\n"
        + "".join(f"{LABELS[t]}\t{x}\n" for x, t in zip(rows.texts, rows.targets, strict=True))
    )
    plot = tmp_path / "curve.svg"
    arguments = ["calibrate", "--chain", "student,teacher", "--data", str(data)]
    options = ["--models", str(tmp_path), "--default", "--plot", str(plot)]
    options += ["--used-for", "the temperature"]
    done = CliRunner().invoke(main, [*arguments, *options])
    assert done.exit_code == 0, done.output
    routes = read_routes(tmp_path)
    assert (routes.default, routes.aliases) == ("auto", {"prod": "teacher@1"})
    cascade = routes.cascade["auto"]
    assert cascade.fit.used_for == "the temperature"
    assert cascade.fit.accuracy == cascade.fit.last_accuracy == 1.0
    assert cascade.fit.n == 800
    assert cascade.fit.accuracy_loss_bound <= 0.005
    assert plot.read_text().startswith("<?xml")
    assert {name: (fitted.version, fitted.sha256) for name, fitted in cascade.models.items()} == {
        name: (1, read_manifest(tmp_path / name / "1").fingerprint)
        for name in ("student", "teacher")
    }


def test_what_is_done_under_overload_stays_when_a_cascade_is_fitted_again(tmp_path: Path) -> None:
    """Unless it is said anew; an objective without it is refused before any work."""
    publish_tiny(tmp_path, "teacher")
    publish_tiny(tmp_path, "student", scores={"good": (0.0, 1.0), "bad": (1.0, 0.0)})
    data = tmp_path / "data.tsv"
    rows = labelled(800)
    lines = [f"{LABELS[t]}\t{x}\n" for x, t in zip(rows.texts, rows.targets, strict=True)]
    data.write_text("label\ttext\n" + "".join(lines))

    def calibrated(*options: str) -> tuple[str, int | None, str]:
        arguments = ["calibrate", "--chain", "student,teacher", "--data", str(data)]
        done = CliRunner().invoke(
            main, [*arguments, "--models", str(tmp_path), "--replace", *options]
        )
        assert done.exit_code == 0, done.output
        cascade = read_routes(tmp_path).cascade["auto"]
        return cascade.overload, cascade.objective_ms, done.output

    assert calibrated()[:2] == ("refuse", None)
    assert "overload" not in (tmp_path / "routes.toml").read_text()
    overload, objective, said = calibrated("--overload", "answer", "--objective-ms", "50")
    assert (overload, objective) == ("answer", 50)
    assert (
        "under overload student answers alone at worst, marked as degraded: accuracy 1.0000" in said
    )
    assert calibrated()[:2] == ("answer", 50)
    write_default(tmp_path, "auto")
    assert read_routes(tmp_path).cascade["auto"].objective_ms == 50
    assert calibrated("--objective-ms", "80")[:2] == ("answer", 80)
    fitted = read_routes(tmp_path).cascade["auto"]
    again = {"overload": "refuse", "objective_ms": None}
    fit = fitted.fit.model_copy(update={"n": 801})
    route(tmp_path, "auto", fitted.model_copy(update={**again, "fit": fit}), "student")
    written = read_routes(tmp_path).cascade["auto"]  # by `compress`
    assert (written.fit.n, written.overload, written.objective_ms) == (801, "answer", 80)
    assert calibrated("--overload", "refuse")[:2] == ("refuse", None)
    with pytest.raises(ExportError, match="add --overload answer"):
        overload_of(read_routes(tmp_path).cascade["auto"], None, 50)


def test_texts_without_labels_bound_the_disagreement(tmp_path: Path) -> None:
    """What the last model says stands for the truth, and the record says which promise it is."""
    publish_tiny(tmp_path, "teacher")
    publish_tiny(tmp_path, "student", scores={"good": (0.0, 1.0), "bad": (0.0, 0.1)})
    source = tmp_path / "texts.txt"
    source.write_text("\n".join(map(str, labelled(800).texts)) + "\n")
    arguments = ["calibrate", "--chain", "student,teacher", "--unlabelled", str(source)]
    plot = ["--plot", str(tmp_path / "curve.svg")]
    done = CliRunner().invoke(main, [*arguments, "--models", str(tmp_path), *plot])
    assert done.exit_code == 0, done.output
    fit = read_routes(tmp_path).cascade["auto"].fit
    assert (fit.promise, fit.n, fit.last_accuracy) == ("disagreement", 800, 1.0)
    assert fit.accuracy == 1.0  # "bad" texts, of which the student is unsure, go on
    assert fit.curve[-1].accuracy == 0.6
    assert fit.accuracy_loss_bound == pytest.approx(share_bound(0, 800, 0.95))
    assert "100.00% of 800 texts get teacher's label" in done.output
    promised = "confidence 0.95: at most 0.50% of texts labelled otherwise than by teacher"
    assert promised in done.output


def test_labelled_texts_promise_the_accuracy_or_no_lost_text(tmp_path: Path) -> None:
    """The accuracy, unless the other is asked for; the record and the output say which."""
    publish_tiny(tmp_path, "teacher")
    publish_tiny(tmp_path, "student")
    data = tmp_path / "data.tsv"
    data.write_text("label\ttext\n" + "positive\tgood good\n" * 700)
    arguments = ["calibrate", "--chain", "student,teacher", "--data", str(data)]
    arguments += ["--models", str(tmp_path), "--replace"]
    for more, promise, said in (
        ([], "accuracy", "accuracy at most 0.50 points below teacher's"),
        (["--promise", "lost-texts"], "lost-texts", "at most 0.50% of texts answered wrongly"),
    ):
        done = CliRunner().invoke(main, [*arguments, *more])
        assert done.exit_code == 0, done.output
        assert said in done.output
        fit = read_routes(tmp_path).cascade["auto"].fit
        assert fit.promise == promise
        assert fit.method == METHODS[promise]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "give --data or --unlabelled, and not both"),
        (["--data", "a", "--unlabelled", "b"], "give --data or --unlabelled, and not both"),
        (["--unlabelled", "b", "--promise", "accuracy"], "--promise is of --data"),
    ],
)
def test_labels_are_there_or_not(options: list[str], says: str) -> None:
    """One of the two is given, before anything is read."""
    done = CliRunner().invoke(main, ["calibrate", "--chain", "a,b", *options])
    assert done.exit_code == 2
    assert says in done.output


def test_no_accuracy_without_labels(tmp_path: Path) -> None:
    """A promise that the texts cannot show is refused."""
    with pytest.raises(ValueError, match="show a disagreement, and nothing else"):
        fit_cascade(tmp_path, ["student", "teacher"], ["good"] * 800, Limit(0.01, 0.9))


def test_shares_and_accuracies_are_the_chains(tmp_path: Path) -> None:
    """The first of three models is unsure of what is bad, and wrong; the second is sure of that
    alone, and wrong of the rest, which does not come to it.
    """  # noqa: D205
    publish_tiny(tmp_path, "first", scores={"good": (0.0, 1.0), "bad": (0.0, 0.1)})
    publish_tiny(tmp_path, "second", scores={"good": (0.1, 0.0), "bad": (1.0, 0.0)})
    publish_tiny(tmp_path, "last")
    found = fit_cascade(tmp_path, ["first", "second", "last"], labelled(800), Limit(0.01, 0.9))
    assert [hop.escalated for hop in found.hops] == [0.4, 0.0]
    assert found.fit.accuracy == found.fit.last_accuracy == 1.0


def test_the_search_stops_at_the_first_threshold_that_fails() -> None:
    """A lower threshold that passes again is not taken: to look on would cost confidence.

    At 0.8 the second model answers wrongly; at 0.7 the first answers all before it, and rightly.
    """
    n = 2000
    confidence = np.stack([np.full(n, 0.7), np.full(n, 0.8), np.ones(n)])
    right = np.stack([np.ones(n), np.zeros(n), np.ones(n)]).astype(bool)
    found = Judged(confidence, right)
    assert chain_right(found, 0.7).all()
    assert not chain_right(found, 0.8).any()
    assert lowest_threshold(found, Limit(0.02, 0.95, "lost-texts"))[0] == ASK_ALWAYS


def test_a_threshold_is_not_taken_from_the_labels() -> None:
    """The thresholds that are tested are chosen before any label is looked at."""
    found = judged(500, 0)
    turned = Judged(found.confidence, ~found.right)
    seen = [[point.threshold for point in curve(one)] for one in (found, turned)]
    assert seen[0] == seen[1]
    assert len(seen[0]) == 52  # fifty, and both ends


def test_a_cascade_is_not_replaced_unasked(tmp_path: Path) -> None:
    """The fit that is there stays, and the error says how to replace it; aliases stay too."""
    publish_tiny(tmp_path, "teacher")
    publish_tiny(tmp_path, "student")

    def fitted(n: int) -> Cascade:
        chain = ["student", "teacher"]
        return fit_cascade(tmp_path, chain, labelled(n), Limit(0.01, 0.9))

    first = fitted(800)
    write_cascade(tmp_path, "auto", first, default=False)
    before = (tmp_path / "routes.toml").read_bytes()
    other = fitted(900)
    with pytest.raises(ExportError, match="already, student -> teacher, fitted on 800 texts"):
        write_cascade(tmp_path, "auto", other, default=True)
    assert (tmp_path / "routes.toml").read_bytes() == before
    write_cascade(tmp_path, "auto", other, default=False, replace=True)
    assert read_routes(tmp_path).cascade["auto"].fit.n == 900
    write_default(tmp_path, "auto")
    assert read_routes(tmp_path).default == "auto"
    assert read_routes(tmp_path).cascade["auto"].fit.n == 900


@pytest.mark.parametrize(
    ("chain", "n", "says"),
    [
        (["student", "teacher"], 100, "it takes 598, or --max-accuracy-loss 0.0296; more texts"),
        (["student", "nobody"], 800, r"no model \['nobody'\]"),
        (["student"], 800, "two different models"),
        (["student", "student"], 800, "two different models"),
    ],
)
def test_what_cannot_be_fitted(tmp_path: Path, chain: list[str], n: int, says: str) -> None:
    """Too few texts, unknown models and chains of one are refused with what to do."""
    publish_tiny(tmp_path, "teacher")
    publish_tiny(tmp_path, "student")
    with pytest.raises(ExportError, match=says):
        fit_cascade(tmp_path, chain, labelled(n), Limit(0.005, 0.95))
    assert not (tmp_path / "routes.toml").exists()


def test_a_number_is_refused(tmp_path: Path) -> None:
    """A regression has no confidence, so it is in no cascade."""
    publish_tiny(tmp_path, "teacher")
    publish_tiny(
        tmp_path, "number", labels=("score",), scores={"good": (1.0,)}, problem_type="regression"
    )
    with pytest.raises(ExportError, match=r"number gives a number.*ask it by its name"):
        models_of(tmp_path, ["number", "teacher"])


def test_the_version_that_answers_is_fitted(tmp_path: Path) -> None:
    """That an operator holds, and not the one that was rolled back; another by its number."""
    for name, version in (("student", 1), ("student", 2), ("teacher", 1)):
        publish_tiny(tmp_path, name, version)
    HeldFile(tmp_path, None).change("student", 1, {})
    for chain, version in (("student,teacher", 1), ("student@2,teacher", 2)):
        cascade = fit_cascade(tmp_path, chain.split(","), labelled(800), Limit(0.01, 0.9))
        assert cascade.chain == ("student", "teacher")
        assert cascade.models["student"].version == version
    for chain, says in (
        ("student@3,teacher", "no version 3 of 'student'"),
        ("student@x,teacher", "a version is a whole number"),
        ("student@1,student@2", "two different models"),
    ):
        with pytest.raises(ExportError, match=says):
            models_of(tmp_path, chain.split(","))


def test_an_embedder_is_told_what_to_do_instead(tmp_path: Path) -> None:
    """It gives no labels to be sure of; a smaller one is what makes it cheaper."""
    publish_embedder(tmp_path, "one")
    publish_embedder(tmp_path, "two")
    command = ["calibrate", "--chain", "one,two", "--unlabelled", "never-read.txt"]
    found = CliRunner().invoke(main, [*command, "--models", str(tmp_path)])
    assert found.exit_code == 1
    assert "one is an embedder, which is sure of nothing" in found.output
    assert "`stillhouse distil` with training/recipes/student-embedder.toml" in found.output


def test_other_labels_are_refused(tmp_path: Path) -> None:
    """A model that gives other labels than the data is not fitted on it."""
    publish_tiny(tmp_path, "teacher")
    publish_tiny(tmp_path, "student", labels=("no", "yes"))
    with pytest.raises(
        ExportError,
        match=r"student gives \['no', 'yes'\].*texts have \['negative', 'positive'\].*--labels",
    ):
        fit_cascade(tmp_path, ["student", "teacher"], labelled(800), Limit(0.01, 0.9))


@pytest.mark.parametrize(
    ("name", "says"),
    [("teacher", "'teacher' is a model in"), ("a b/c", "'a b/c' is not a cascade's name")],
)
def test_a_cascade_hides_no_model(tmp_path: Path, name: str, says: str) -> None:
    """Its name is none of a model's, and one that a request can have in its path."""
    publish_tiny(tmp_path, "teacher")
    with pytest.raises(ExportError, match=says):
        refuse_taken(tmp_path, name, replace=True)


def test_a_curve_that_cannot_be_drawn_is_told(tmp_path: Path) -> None:
    """Before anything is fitted."""
    refuse_drawing(tmp_path / "curve.svg")
    with pytest.raises(ExportError, match=r"ends in \.svg or \.png"):
        refuse_drawing(tmp_path / "curve.xyz")
    with pytest.raises(ExportError, match="there is no directory"):
        refuse_drawing(tmp_path / "absent" / "curve.svg")
