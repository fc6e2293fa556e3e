"""The way of a request through the core, with models that run when the test lets them."""

import asyncio
import time
from pathlib import Path

import pytest

from service.errors import (
    DeadlineExceeded,
    EmptyInput,
    InferenceFailed,
    InvalidInput,
    Overloaded,
)
from service.runtime.model import Input, Pair
from service.serving.shapes import Hop
from tests.service.serving.core import LONG, Core, firsts, run
from tests.service.serving.fakes import place, soon, turns, until


def test_answers_are_in_the_order_of_the_texts(pair: Path) -> None:
    """A text that stands there twice is asked once, and answered twice."""

    async def scenario(core: Core) -> None:
        hops: list[Hop] = []
        answers = await core.ask("5 1", "6", "5 1", hops=hops)
        assert firsts(answers) == [5, 6, 5]
        assert [(one.tokens, one.truncated, one.escalated) for one in answers][:2] == [
            (2, False, False),
            (1, False, False),
        ]
        (hop,) = hops
        assert (hop.model, hop.version, hop.texts, hop.recalled) == ("student", 1, 3, 0)
        assert hop.admitted <= hop.encoded <= hop.started <= hop.ended

    assert sorted(run(pair, scenario).models["student@1"].firsts[0]) == [5, 6]


@pytest.mark.parametrize(
    ("texts", "error", "says"),
    [
        (["1"] * 9, InvalidInput, "9 texts; at most 8"),
        (["1", "x" * 20_001], InvalidInput, "text 1 has 20001 characters"),
        (["1", ""], EmptyInput, "text 1 is empty"),
        ([" \n\t"], EmptyInput, "text 0 is empty"),
    ],
)
def test_what_cannot_be_asked(pair: Path, texts: list[str], error: type, says: str) -> None:
    """It is refused before anything is done for it."""

    async def scenario(core: Core) -> None:
        with pytest.raises(error, match=says):
            await core.ask(*texts)
        assert not core.model().encoded

    run(pair, scenario)


def test_pairs_are_answered_and_one_that_comes_twice_is_asked_once(tmp_path: Path) -> None:
    """By a model that takes them."""
    place(tmp_path, "student", pairs=True)

    async def scenario(core: Core) -> None:
        answers = await core.ask(Pair("5", "1"), Pair("6", "1"), Pair("5", "1"))
        assert firsts(answers) == [5, 6, 5]
        assert [one.tokens for one in answers] == [2, 2, 2]

    assert sorted(run(tmp_path, scenario).models["student@1"].firsts[0]) == [5, 6]


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ([Pair("1", "2"), "1"], "input 1 is one text, and student takes pairs"),
        ([Pair("1", "2"), Pair("1", " ")], "of pair 1 a text is empty"),
        ([Pair("1", "2"), Pair("1 " * 16, "2")], "pair 1: its text leaves no room"),
        ([Pair("1", "x" * 20_000)], "text 0 has 20001 characters"),
    ],
)
def test_what_a_model_of_pairs_does_not_take(
    tmp_path: Path, inputs: list[Input], says: str
) -> None:
    """The message names the input by its place in the request."""
    place(tmp_path, "student", pairs=True)

    async def scenario(core: Core) -> None:
        with pytest.raises(InvalidInput, match=says):
            await core.ask(*inputs)
        assert not core.model().batches

    run(tmp_path, scenario)


def test_a_model_of_single_texts_takes_no_pair(pair: Path) -> None:
    """Nothing is read of it."""

    async def scenario(core: Core) -> None:
        with pytest.raises(InvalidInput, match="input 1 is a pair of texts, and student takes one"):
            await core.ask("1", Pair("1", "2"))
        assert not core.model().encoded

    run(pair, scenario)


def test_full_queue_refuses_before_anything_is_tokenised(pair: Path) -> None:
    """However long the texts are."""

    async def scenario(core: Core) -> None:
        loaded = await core.registry.acquire(core.registry.plan("student").last, soon())
        with loaded.admission.admit(["x"] * 1000, soon()):
            for texts in (["1"], [LONG] * 8):
                with pytest.raises(Overloaded):
                    await core.ask(*texts)
        assert not core.model().encoded

    run(pair, scenario)


def test_deadline_that_passes_while_a_text_waits(pair: Path) -> None:
    """504, and the work is not done."""

    async def scenario(core: Core) -> None:
        core.model().gate.clear()
        first = asyncio.create_task(core.ask("1"))
        await until(lambda: core.model().batches)
        hops: list[Hop] = []
        with pytest.raises(DeadlineExceeded):
            await core.ask("2", deadline=time.monotonic() + 0.2, hops=hops)
        assert hops[0].encoded
        assert not hops[0].started
        core.model().gate.set()
        assert firsts(await first) == [1]
        assert firsts(await core.ask("3")) == [3]

    assert run(pair, scenario).models["student@1"].firsts == [[1], [3]]


def test_client_that_leaves_takes_its_work_along(pair: Path) -> None:
    """What of it waits is never run, and its place in the queue is free at once."""

    async def scenario(core: Core) -> None:
        core.model().gate.clear()
        first = asyncio.create_task(core.ask("1"))
        await until(lambda: core.model().batches)
        leaving = asyncio.create_task(core.ask(*[str(n) for n in range(20, 28)]))
        await until(lambda: core.registry.depth == 9)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert core.registry.depth == 1
        core.model().gate.set()
        await first

    assert run(pair, scenario).models["student@1"].firsts == [[1]]


def test_deadline_that_passes_while_texts_are_tokenised(pair: Path) -> None:
    """Nothing reaches the model."""

    async def scenario(core: Core) -> None:
        core.model().reads.clear()
        with pytest.raises(DeadlineExceeded):
            await core.ask(LONG, deadline=time.monotonic() + 0.2)
        assert core.registry.depth == 0
        core.model().reads.set()

    assert run(pair, scenario).models["student@1"].batches == []


def test_model_that_fails_fails_its_request_alone(pair: Path) -> None:
    """The next is answered."""

    async def scenario(core: Core) -> None:
        with pytest.raises(InferenceFailed):
            await core.ask("1", str(core.model().poison))
        assert firsts(await core.ask("1")) == [1]

    run(pair, scenario)


def test_remembered_answers_cost_the_model_nothing(pair: Path) -> None:
    """They are counted; a version that is brought back begins anew."""

    async def scenario(core: Core) -> None:
        await core.ask("1", "2")
        hops: list[Hop] = []
        assert firsts(await core.ask("2", "3", "1", "2", hops=hops)) == [2, 3, 1, 2]
        assert (hops[0].texts, hops[0].recalled) == (4, 3)
        assert core.model().firsts == [[1, 2], [3]]
        hops.clear()
        await core.ask("1", hops=hops)
        assert hops[0].started == 0
        core.registry.sweep(0, 0)
        await until(lambda: not any(version.loaded for version in core.registry))
        await core.ask("1")
        assert core.model().firsts == [[1]]

    run(pair, scenario, answer_cache=10**6)


def test_failed_request_is_not_remembered(pair: Path) -> None:
    """Nor what was never answered."""

    async def scenario(core: Core) -> None:
        core.model().gate.clear()
        leaving = asyncio.create_task(core.ask("1"))
        await until(lambda: core.model().batches)
        leaving.cancel()
        await turns()
        core.model().gate.set()
        assert firsts(await core.ask("1")) == [1]
        assert core.model().firsts == [[1], [1]]

    run(pair, scenario, answer_cache=10**6)
