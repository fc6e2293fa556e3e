"""Texts that are read in windows: what they cost, when it is their turn, what is one answer."""

import asyncio
from pathlib import Path
from typing import Literal

import pytest

from service.errors import DeadlineExceeded, InvalidInput
from service.repository.sections import Windows
from service.serving.shapes import Hop
from tests.service.builders import write_cascade
from tests.service.serving.core import Core, run
from tests.service.serving.fakes import Said, place, soon, turns, until

WINDOWS = Windows(stride=1)
LONG = "5 " * 10  # of 4 tokens a window, of which 1 is shared: 3 windows, of 12 tokens


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A model that reads long texts in windows, one that cuts them, and a cascade of both."""
    place(tmp_path, "student", max_length=4, windows=WINDOWS)
    place(tmp_path, "teacher", max_length=4)
    write_cascade(tmp_path, threshold=0.8)
    return tmp_path


@pytest.mark.parametrize(
    ("model", "windows", "number"),
    [
        ("student", None, 3),
        ("student", False, 1),
        ("student", Windows(stride=2), 4),
        ("teacher", None, 1),
        ("teacher", WINDOWS, 3),
    ],
)
def test_windows_of_the_manifest_or_of_the_request(
    root: Path, model: str, windows: Windows | Literal[False] | None, number: int
) -> None:
    """The request's go first, and may be none; with windows nothing is too long."""

    async def scenario(core: Core) -> None:
        for texts in ((LONG,), ("6", LONG, "6", LONG)):
            answers = await core.ask(*texts, model=model, windows=windows)
            assert [one.windows for one in answers] == [
                number if text == LONG else 1 for text in texts
            ]
        *_, last = answers
        assert last.truncated is (number == 1)
        assert last.tokens == (
            4 if number == 1 else 10 + (number - 1) * (windows or WINDOWS).stride
        )
        assert isinstance(last.output, Said)
        assert last.output.length == last.tokens  # of all windows, joined
        if number > 1:
            assert (await core.ask(LONG, model=model, windows=windows, truncate=False))[0].windows
        else:
            with pytest.raises(InvalidInput, match="more than the 4 tokens"):
                await core.ask(LONG, model=model, windows=windows, truncate=False)

    run(root, scenario)


def test_every_window_is_a_row(root: Path) -> None:
    """Of the batches, beside other texts; and a text that comes twice is run once."""

    async def scenario(core: Core) -> None:
        await core.ask(LONG, "6", LONG)

    model = run(root, scenario).models["student@1"]
    assert sorted(len(ids) for batch in model.batches for ids in batch) == [1, 4, 4, 4]


def test_a_cascade_reads_each_text_as_its_model_does(root: Path) -> None:
    """What the student read in windows, the teacher cuts."""

    async def scenario(core: Core) -> None:
        core.model().unsure.add(5)
        (answer,) = await core.ask(LONG, model="auto")
        assert answer.escalated
        assert (answer.windows, answer.tokens, answer.truncated) == (1, 4, True)
        (answer,) = await core.ask(LONG, model="auto", windows=WINDOWS)
        assert (answer.windows, answer.tokens, answer.truncated) == (3, 12, False)

    run(root, scenario)


def test_what_is_remembered_was_read_as_the_manifest_says(root: Path) -> None:
    """An answer of other windows is neither kept nor given for it."""

    async def scenario(core: Core) -> None:
        asked: list[tuple[Windows | Literal[False] | None, int]]
        asked = [(False, 1), (None, 3), (False, 1), (WINDOWS, 3)]
        for windows, number in asked:
            hops: list[Hop] = []
            (answer,) = await core.ask(LONG, windows=windows, hops=hops)
            assert answer.windows == number
            assert hops[0].recalled == (windows is WINDOWS)

    run(root, scenario, answer_cache=10**6)


def test_a_huge_text_does_not_hold_up_others(root: Path) -> None:
    """A text that comes while its windows run stands before most of them."""

    async def scenario(core: Core) -> None:
        model = core.model()
        model.gate.clear()
        loaded = await core.registry.acquire(core.registry.plan("student").last, soon())
        loaded.batcher.token_seconds = 0.001
        huge = asyncio.create_task(core.ask("5 " * 6000))
        await until(lambda: model.batches)
        small = asyncio.create_task(core.ask("6"))
        await turns()
        model.gate.set()
        await small
        assert [answer.windows for answer in await huge] == [2000]
        place = next(at for at, batch in enumerate(model.batches) if [6] in batch)
        assert place < len(model.batches) / 4

    run(root, scenario)


@pytest.mark.parametrize("leaves", [True, False])
def test_windows_that_nobody_waits_for_are_not_run(root: Path, leaves: bool) -> None:
    """Neither after the client has gone nor after the deadline."""

    async def scenario(core: Core) -> None:
        model = core.model()
        model.gate.clear()
        first = asyncio.create_task(core.ask("1"))
        await until(lambda: model.batches)
        loaded = await core.registry.acquire(core.registry.plan("student").last, soon())
        deadline = soon() if leaves else asyncio.get_running_loop().time() + 0.05
        late = asyncio.create_task(core.ask("5 " * 300, deadline=deadline))
        await until(lambda: loaded.admission.tokens > 300)
        if leaves:
            late.cancel()
        with pytest.raises(asyncio.CancelledError if leaves else DeadlineExceeded):
            await late
        model.gate.set()
        await first
        await core.ask("2")

    model = run(root, scenario).models["student@1"]
    assert [ids for batch in model.batches for ids in batch if ids[0] == 5] == []
