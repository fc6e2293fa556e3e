"""A cascade that answers under overload: who answers then, and what is marked."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.errors import DeadlineExceeded, InferenceFailed, InvalidInput, Overloaded
from service.repository.routes import parse_target
from service.repository.sections import Windows
from service.serving.queue.jobs import Job
from service.serving.shapes import Answer
from service.serving.versions.version import Loaded
from tests.service.builders import write_cascade
from tests.service.serving.core import Core, firsts, run
from tests.service.serving.fakes import place, soon, until


@pytest.fixture
def answers(pair: Path) -> Path:
    """A repository whose cascade answers under overload."""
    write_cascade(pair, overload="answer")
    return pair


async def loaded(core: Core, name: str) -> Loaded:
    """A model as it is in memory."""
    return await core.registry.acquire(parse_target(name), soon())


@contextmanager
def full(model: Loaded, token_seconds: float = 1000.0) -> Iterator[None]:
    """Has a model be so slow, and have 7 tokens to do: more than a test's deadline allows."""
    with model.admission.admit(["x" * 20], soon()):
        model.batcher.token_seconds = token_seconds
        yield
    model.batcher.token_seconds = 0.0


def marks(answers: list[Answer]) -> list[tuple[str, bool | None]]:
    """Who answered each text, and whether it is marked."""
    return [(one.manifest.name, one.degraded) for one in answers]


STUDENT, DEGRADED, TEACHER = ("student", False), ("student", True), ("teacher", False)


def test_full_queue_of_the_dearer_model_gives_the_cheaper_answer(answers: Path) -> None:
    """At once, marked text by text, and nothing is asked of the dearer model."""

    async def scenario(core: Core) -> None:
        core.model().unsure = {5, 6}
        assert marks(await core.ask("1", "5", model="auto")) == [STUDENT, TEACHER]
        with full(await loaded(core, "teacher@1")):
            found = await core.ask("1", "5", "2", "6", model="auto")
        assert firsts(found) == [1, 5, 2, 6]
        assert marks(found) == [STUDENT, DEGRADED, STUDENT, DEGRADED]
        assert [one.escalated for one in found] == [False] * 4
        assert marks(await core.ask("5", model="auto")) == [TEACHER]

    assert run(answers, scenario).models["teacher@1"].firsts == [[5], [5]]


def test_other_routes_refuse_and_mark_nothing(pair: Path) -> None:
    """A cascade that says nothing of overload, and a model by its name."""

    async def scenario(core: Core) -> None:
        core.model().unsure = {5}
        assert marks(await core.ask("1", "5", model="auto")) == [
            ("student", None),
            ("teacher", None),
        ]
        with full(await loaded(core, "teacher@1")), pytest.raises(Overloaded, match="teacher@1"):
            await core.ask("5", model="auto")
        assert marks(await core.ask("5")) == [("student", None)]

    run(pair, scenario)


def test_full_queue_of_the_cheapest_model_is_refused(answers: Path) -> None:
    """There is no answer to give."""

    async def scenario(core: Core) -> None:
        with full(await loaded(core, "student@1")), pytest.raises(Overloaded, match="student@1"):
            await core.ask("1", model="auto")

    run(answers, scenario)


def test_what_the_cheapest_model_cannot_begin_within_the_objective_is_refused(pair: Path) -> None:
    """However late the deadline is."""
    write_cascade(pair, overload="answer", objective_ms=1000)

    async def scenario(core: Core) -> None:
        with (
            full(await loaded(core, "student@1"), 1.0),
            pytest.raises(Overloaded, match="longer than the route's objective allows"),
        ):
            await core.ask("1", model="auto")
        await core.ask("1", model="auto")

    run(pair, scenario)


def test_much_to_do_for_the_cheap_model_keeps_texts_from_the_dearer(answers: Path) -> None:
    """They share a CPU, and whoever comes is to find the cheap one with a short queue."""

    async def scenario(core: Core) -> None:
        core.model().unsure = {5}
        student = await loaded(core, "student@1")
        core.model().gate.clear()
        asking = asyncio.create_task(core.ask("5", model="auto"))
        await until(lambda: core.model().batches)
        # Five minutes of ten: as much as the dearer model would let the cheap one do meanwhile.
        with full(student, 45.0):
            core.model().gate.set()
            assert marks(await asking) == [DEGRADED]

    assert not run(answers, scenario).models["teacher@1"].batches


def test_what_waits_for_the_dearer_model_too_long_has_the_cheaper_answer(pair: Path) -> None:
    """It is there, so that no 504 is."""
    write_cascade(pair, overload="answer", objective_ms=100)

    async def scenario(core: Core) -> None:
        core.model().unsure = {5}
        core.model("teacher@1").gate.clear()
        assert marks(await core.ask("5", "1", model="auto")) == [DEGRADED, STUDENT]
        core.model("teacher@1").gate.set()

    run(pair, scenario)


def test_what_the_cheapest_model_does_not_answer_in_time_fails(answers: Path) -> None:
    """There is no other answer."""

    async def scenario(core: Core) -> None:
        core.model().gate.clear()
        with pytest.raises(DeadlineExceeded):
            await core.ask("1", model="auto", deadline=time.monotonic() + 0.1)
        core.model().gate.set()

    run(answers, scenario)


def test_what_the_dearer_model_has_answered_by_then_is_kept(answers: Path) -> None:
    """Of one request some texts are degraded and others are not."""
    count = 20  # of four tokens each for the teacher: more than a batch of 64

    async def scenario(core: Core) -> None:
        core.model().unsure = set(range(100, 100 + count))
        teacher = core.model("teacher@1")
        model = await loaded(core, "teacher@1")
        jobs: list[Job] = []
        admit = model.admission.admit

        def remembered(*asked: object) -> Job:
            jobs.append(admit(*asked))  # type: ignore[arg-type]  # as it is called
            return jobs[-1]

        model.admission.admit = remembered  # type: ignore[method-assign,assignment]  # to end it
        teacher.gate.clear()
        teacher.free = 1
        texts = [f"{100 + n} 0 0 0" for n in range(count)]
        asking = asyncio.create_task(core.ask(*texts, "1", model="auto"))
        await until(lambda: len(teacher.batches) == 2 and jobs[0].left < count)
        jobs[0].fail(DeadlineExceeded("as its deadline would"))
        found = await asking
        teacher.gate.set()
        assert firsts(found) == [*range(100, 100 + count), 1]
        ran = {ids[0] for ids in teacher.batches[0]}
        assert 0 < len(ran) < count
        expected = [TEACHER if first in ran else DEGRADED for first in range(100, 100 + count)]
        assert marks(found) == [*expected, STUDENT]

    run(answers, scenario, max_texts=count + 1)


def test_a_model_that_seemed_too_slow_is_tried_again_when_it_has_nothing_to_do(
    answers: Path,
) -> None:
    """Else it would never be seen that it is fast again; of several texts one is tried."""

    async def scenario(core: Core) -> None:
        core.model().unsure = {5, 6}
        teacher = await loaded(core, "teacher@1")
        teacher.batcher.token_seconds = 10_000.0
        assert marks(await core.ask("5", "6", model="auto")) == [TEACHER, DEGRADED]
        assert teacher.batcher.token_seconds < 10_000.0

    run(answers, scenario)


def test_the_deepest_model_that_can_answer_in_time_answers(pair: Path) -> None:
    """Of a chain of three, whichever of the two dearer ones is full; none is passed over."""
    place(pair, "nano")
    write_cascade(pair, chain=("nano", "student", "teacher"), overload="answer")

    async def scenario(core: Core) -> None:
        core.model("nano@1").unsure = {4, 5}
        core.model().unsure = {5}
        texts = ("1", "4", "5")
        nano, unsure_nano = ("nano", False), ("nano", True)
        assert marks(await core.ask(*texts, model="auto")) == [nano, STUDENT, TEACHER]
        with full(await loaded(core, "teacher@1")):
            assert marks(await core.ask(*texts, model="auto")) == [nano, STUDENT, DEGRADED]
        with full(await loaded(core, "student@1")):
            found = await core.ask(*texts, model="auto")
        assert marks(found) == [nano, unsure_nano, unsure_nano]

    run(pair, scenario)


def test_windows_that_take_too_long_are_no_error_of_the_request(answers: Path) -> None:
    """The dearer model has no time for them; the cheaper one has answered."""

    async def scenario(core: Core) -> None:
        core.model().unsure = {5}
        (await loaded(core, "teacher@1")).batcher.token_seconds = 10.0
        text = "5 " + " ".join(["77777777777"] * 30)  # about 90 tokens by its characters
        found = await core.ask(text, model="auto", windows=Windows(stride=0))
        assert marks(found) == [DEGRADED]
        assert found[0].windows == 2

    run(answers, scenario)


def test_nor_are_windows_of_more_tokens_than_their_characters_say(
    answers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dearer model lets them in, and finds once they are read that it has no time."""

    def settle(*_: object) -> None:
        raise InvalidInput("the windows of this request take longer than the deadline allows")

    async def scenario(core: Core) -> None:
        core.model().unsure = {5}
        monkeypatch.setattr((await loaded(core, "teacher@1")).admission, "settle", settle)
        found = await core.ask("5", model="auto", windows=Windows(stride=0))
        assert marks(found) == [DEGRADED]

    run(answers, scenario)


def test_a_model_that_fails_is_no_overload(answers: Path) -> None:
    """The request fails, as of any route."""

    async def scenario(core: Core) -> None:
        core.model().unsure = {5}
        core.model("teacher@1").poison = 5
        with pytest.raises(InferenceFailed):
            await core.ask("5", model="auto")

    run(answers, scenario)
