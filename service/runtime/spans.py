"""How much of a text or of a pair is read where there is room for so many tokens.

What is cut, and which windows there are, is as the `tokenizers` library has it. Numbers alone:
knows no text, no ids and no special tokens.
"""

from typing import Literal

Strategy = Literal["longest_first", "only_first", "only_second"]


def shares(first: int, second: int, room: int, strategy: Strategy) -> tuple[int, int]:
    """How many tokens of each text of a pair are read, where there is room for so many.

    Raises:
        ValueError: the text that is not to be cut leaves no room for the other.
    """
    if first + second <= room:
        return first, second
    if strategy == "longest_first":
        short = min(first, second)
        long = short if short > room else max(short, room - short)
        if short + long > room:  # both are cut
            return (room // 2 + (room % 2 if first > second else 0)), (
                room // 2 + (room % 2 if first <= second else 0)
            )
        return (long, short) if first > second else (short, long)
    kept = second if strategy == "only_first" else first
    if kept >= room:
        raise ValueError(f"{kept} tokens leave no room")
    return (room - second, second) if strategy == "only_first" else (first, room - first)


def cut(length: int, room: int, *, from_end: bool) -> slice:
    """Which of so many tokens are read, where there is room for so many."""
    if length <= room:
        return slice(0, length)
    return slice(length - room, length) if from_end else slice(0, room)


def windows_of(length: int, room: int, stride: int, *, from_end: bool) -> list[slice]:
    """The windows of so many tokens, each with room for so many; the first is what `cut` keeps.

    Args:
        stride: tokens that a window shares with the one before it; less than `room`.
        from_end: the first window is the last of the text.
    """
    step = room - stride
    starts = range(0, max(length - stride, 1), step)
    if from_end:
        return [slice(max(length - start - room, 0), length - start) for start in starts]
    return [slice(start, min(start + room, length)) for start in starts]
