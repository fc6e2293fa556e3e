"""Questions and results of the tests' own making."""

from benchmarks.peers.figures.results import Machine, Served
from benchmarks.reliability.fate import Fate
from benchmarks.reliability.questions.dialects import DIALECTS, Said
from benchmarks.reliability.questions.reference import Question
from benchmarks.reliability.results import (
    SCHEMA_VERSION,
    Chaos,
    Conditions,
    Fault,
    Fuzz,
    Memory,
    Phases,
    Point,
    Soak,
    Source,
    Tally,
)
from tests.benchmarks.reliability.fake_service import scores


def make_question(
    *texts: str, dialect: str = "predict", model: str = "student", exact: bool = True
) -> Question:
    """A question with the fake service's answer."""
    asked = texts or ("a good film",)
    said = [Said(max(found, key=found.__getitem__), found) for found in map(scores, asked)]
    return Question("short", dialect, model, asked, tuple(said), exact)


def in_every_dialect() -> list[Question]:
    """One text and several, in each."""
    return [
        make_question(*texts, dialect=dialect)
        for dialect in DIALECTS
        for texts in (("one",), ("one", "two", "é\u0301 \U0001f600"))
    ]


def make_tally(requests: int = 100, p99: float = 10.0, **fates: int) -> Tally:
    """So many requests; those that no fate is given for are ok."""
    found = {str(Fate[name.upper()]): count for name, count in fates.items()}
    found["ok"] = requests - sum(fates.values())
    return Tally(requests, found, {}, p99 / 2, p99, p99 * 2)


def make_phases(**fates: int) -> Phases:
    """Calm, the fates, calm."""
    return Phases(make_tally(), make_tally(**fates), make_tally())


def make_conditions() -> Conditions:
    """A run of a minute on a quiet machine."""
    return Conditions(
        started_at="2026-01-02T03:04:05+00:00",
        seconds=60.0,
        commit="0123456789ab",
        machine=Machine("a CPU", 2, "6.1", 0, 1, 0.01, 0.02),
        versions={"python": "3.11.7"},
        models=(Served("student", 3, "int8", "0" * 64),),
        settings={},
        capacity=200.0,
        rate=100.0,
    )


def make_results() -> tuple[Soak, Chaos, Fuzz]:
    """One of each, each with something missed."""
    conditions, good = make_conditions(), make_tally()
    memory = Memory(300.0, 200.0, 202.0)
    wrong = make_tally(wrong=1)
    points = (Point(0.0, 200.0, 1.0, 5.0), Point(60.0, 201.0, None, None))
    ran = Fault(
        name="stop",
        what="SIGTERM",
        seconds=3.0,
        load=make_phases(lost=2),
        neighbour=make_phases(),
        findings={"ended after": "1 s"},
        missed=("load, during: 2 lost",),
        skipped=None,
    )
    skipped = Fault("full-disk", "", 0.0, None, None, {}, (), "to mount takes root")
    sources = (Source("mutated", make_tally(closed=3), None), Source("x", None, "x is not there"))
    return (
        Soak(SCHEMA_VERSION, conditions, wrong, good, memory, 0, points, ("load: 1 wrong",)),
        Chaos(SCHEMA_VERSION, conditions, (ran, skipped)),
        Fuzz(SCHEMA_VERSION, conditions, sources, good, good, good, 1, ()),
    )
