"""Confirms the search's choice on the texts that are measured on.

The search chooses by texts that chose checkpoints too, and that may be few, or of another kind than
those that the user holds to be the test. A choice that loses too much there is dropped, and the
search goes on without it: the cheapest is looked at first, each file once, and the first that keeps
the promise is taken. Cheaper ones of which the search's texts cannot tell whether they keep it are
looked at before; where one does, the search goes on among those that were left since it seemed not
to. All looks are told, since the more there are, the more the last one's figure flatters.
"""

from dataclasses import dataclass

from export.compress.job import Limits
from export.compress.search.found import Found
from export.compress.search.judging import Judge, Judged
from export.compress.search.search import Search


@dataclass(frozen=True)
class Confirmed:
    """What the search came to, and what the texts that are measured on made of it.

    Attributes:
        chosen: the cheapest that keeps the promise on both; None: none does.
        refused: the choices before it, as judged on the texts that choose.
        teacher: itself in INT8, where that is the faster and keeps the promise on both.
    """

    searched: Found
    chosen: Judged | None
    refused: tuple[Judged, ...]
    teacher: Judged | None = None


def confirm(search: Search, found: Found, judge: Judge, limits: Limits) -> Confirmed:
    """Looks at one choice after another, until one keeps the promise.

    Args:
        judge: on the texts that are measured on.
    """
    refused: list[Judged] = []
    accepted: Judged | None = None
    while True:
        one = next(iter(found.doubtful), found.chosen)
        if one is None or one is accepted:
            return Confirmed(found, accepted, tuple(refused))
        there = judge.judge(one.staged)
        if there.loss <= limits.loss:
            accepted, found = one, search.with_kept(one)
        else:
            lost = f"loses {100 * there.loss:.2f} points there"
            judge.tell(f"{one.staged.title} is chosen and {lost}")
            refused.append(one)
            found = search.without(one, there.loss)


def teachers(found: Found) -> list[Judged]:
    """The teacher's files that take less time than the one in FP32."""
    exact, *others = found.judged
    return [one for one in others if one.staged.name == exact.staged.name and one.cost < exact.cost]


def faster_teacher(confirmed: Confirmed, judge: Judge, limits: Limits) -> Judged | None:
    """The teacher in INT8, where it may be published in place of the one in FP32.

    Args:
        judge: on the texts that are measured on.
    """
    for one in teachers(confirmed.searched):
        if not one.able or one in confirmed.refused:
            continue
        there = judge.judge(one.staged)
        if there.loss <= limits.loss:
            return one
        lost = f"loses {100 * there.loss:.2f} points there"
        judge.tell(f"{one.staged.title} {lost}: the teacher stays in FP32")
    return None
