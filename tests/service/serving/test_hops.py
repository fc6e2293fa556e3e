"""From one model of a plan to the next, and from one version to the next."""

import asyncio
from pathlib import Path

import pytest

from service.errors import TextTooLong
from service.serving.shapes import Hop
from service.serving.versions.version import State
from tests.service.builders import write_cascade
from tests.service.serving.core import LONG, Core, firsts, run
from tests.service.serving.fakes import place, until


def test_only_unsure_texts_go_on_and_are_encoded_again_only_if_read_otherwise(pair: Path) -> None:
    """Of a cascade; each answer is at its text's place."""

    async def scenario(core: Core) -> None:
        core.model().unsure = {5, 6}
        hops: list[Hop] = []
        answers = await core.ask("1", "5", "2", "6", model="auto", hops=hops)
        assert firsts(answers) == [1, 5, 2, 6]
        assert [one.manifest.name for one in answers] == ["student", "teacher"] * 2
        assert [one.escalated for one in answers] == [False, True] * 2
        assert [(hop.model, hop.texts) for hop in hops] == [("student", 4), ("teacher", 2)]
        assert core.model("teacher@1").encoded == [["5", "6"]]
        assert firsts(await core.ask("1", model="auto")) == [1]

    assert run(pair, scenario).models["teacher@1"].firsts == [[5, 6]]


def test_models_that_read_alike_share_what_was_encoded(pair: Path) -> None:
    """The second of a cascade tokenises nothing then."""
    place(pair, "teacher")
    write_cascade(pair, threshold=0.8)

    async def scenario(core: Core) -> None:
        core.model().unsure = {5}
        assert firsts(await core.ask("1", "5", model="auto")) == [1, 5]
        assert not any(core.model("teacher@1").encoded)

    run(pair, scenario)


def test_refused_truncation_names_the_text_of_the_request(pair: Path) -> None:
    """Also where the second model of a cascade reads less, and got few of the texts."""

    async def scenario(core: Core) -> None:
        core.model().unsure = {5, 6}
        with pytest.raises(TextTooLong, match="text 1 has more than the 16 tokens that student"):
            await core.ask("1", " ".join(["2"] * 17), truncate=False)
        texts = ["1", "2", "5", "6 6 6 6 6", "3"]
        with pytest.raises(TextTooLong, match="text 3 has more than the 4 tokens that teacher"):
            await core.ask(*texts, model="auto", truncate=False)
        assert (await core.ask(*texts, model="auto"))[3].truncated

    run(pair, scenario)


def test_publish_between_two_hops_changes_neither(pair: Path) -> None:
    """A request of a cascade is answered by the pair that was fitted, whatever comes meanwhile."""

    async def scenario(core: Core) -> None:
        core.model().unsure = {5}
        core.model().gate.clear()
        asking = asyncio.create_task(core.ask("5", model="auto"))
        await until(lambda: core.model().batches)
        for name in ("student", "teacher"):
            place(pair, name, 2)
        await core.registry.reconcile()
        core.model().gate.set()
        (answer,) = await asking
        assert (answer.manifest.name, answer.manifest.version) == ("teacher", 1)
        for model in ("student", "teacher"):
            (by_name,) = await core.ask("1", model=model)
            assert by_name.manifest.version == 2
        (cheap,) = await core.ask("1", model="auto")
        assert (cheap.manifest.name, cheap.manifest.version) == ("student", 1)

    run(pair, scenario)


def test_what_the_old_version_accepted_is_answered_by_it(pair: Path) -> None:
    """Whatever the swap finds it doing: running, waiting, or being tokenised."""
    (pair / "routes.toml").unlink()

    async def scenario(core: Core) -> None:
        old = core.model()
        old.gate.clear()
        running = asyncio.create_task(core.ask("1"))
        await until(lambda: old.batches)
        waiting = asyncio.create_task(core.ask(*[str(n) for n in range(20, 28)]))
        await until(lambda: core.registry.depth == 9)
        old.reads.clear()
        reading = asyncio.create_task(core.ask("3 " + LONG))
        await until(lambda: len(old.encoded) == 3)
        place(pair, "student", 2)
        await core.registry.reconcile()
        (new,) = await core.ask("4")
        assert new.manifest.version == 2
        assert [one.done() for one in (running, waiting, reading)] == [False] * 3
        old.reads.set()
        old.gate.set()
        for one in (running, waiting, reading):
            assert {answer.manifest.version for answer in await one} == {1}
        await until(lambda: core.registry.depth == 0)

    run(pair, scenario)


@pytest.mark.parametrize("name", ["student", "teacher"])
def test_a_version_that_was_replaced_while_it_slept_is_planned_for_anew(
    pair: Path, name: str
) -> None:
    """By the request that wakes it, and those that wait with it: the thresholds are another's."""

    async def scenario(core: Core) -> None:
        core.model().unsure = {5}
        assert [one.manifest.name for one in await core.ask("1", model="auto")] == ["student"]
        core.registry.sweep(0, 0)
        await until(lambda: all(version.state is State.ASLEEP for version in core.registry))
        place(pair, name, 1, temperature=3.0)
        core.fakes.unsure = {5}
        asked = [core.ask("1", "5", model="auto") for _ in range(2)]
        for answers in await asyncio.gather(*asked):
            assert firsts(answers) == [1, 5]
            assert [one.manifest.name for one in answers] == ["teacher", "teacher"]
            assert not any(one.escalated for one in answers)
        stale = core.registry.plan("auto").stale
        assert stale == f"{name}@1 is not what it was fitted on: fit it again"

    run(pair, scenario)
