"""What a model is asked of a request's texts: refused where it cannot be, joined of its windows."""

from collections.abc import Sequence
from itertools import islice

from service.errors import InvalidInput, TextTooLong
from service.repository.manifest import Manifest
from service.repository.sections import Windows
from service.runtime.model import Input, Item, Model, Output, Pair


def refuse_other_kind(manifest: Manifest, inputs: Sequence[Input]) -> None:
    """Raises InvalidInput for an input of a kind that the model does not take."""
    for index, one in enumerate(inputs):
        if isinstance(one, Pair) and not manifest.pairs:
            raise InvalidInput(
                f"input {index} is a pair of texts, and {manifest.name} takes one text"
            )
        if manifest.pairs and not isinstance(one, Pair):
            raise InvalidInput(
                f"input {index} is one text, and {manifest.name} takes pairs: give it a text and "
                "a text_pair"
            )


def answered(
    texts: Sequence[Input],
    items: Sequence[Item],
    outputs: Sequence[Output | None],
    windows: Windows | None,
) -> tuple[list[Input], list[Item], list[Output]]:
    """Of inputs those of which a model has answered all, with its outputs.

    Args:
        outputs: of each item, or of its windows, one after the other; None: not answered.
        windows: in which the items were read; None: in one.
    """
    done: tuple[list[Input], list[Item], list[Output]] = ([], [], [])
    left = iter(outputs)
    for text, item in zip(texts, items, strict=True):
        own = list(islice(left, 1 if windows is None else len(item.windows)))
        there = [output for output in own if output is not None]
        if len(there) == len(own):
            done[0].append(text)
            done[1].append(item)
            done[2].extend(there)
    return done


def joined_of(
    model: Model, items: Sequence[Item], outputs: Sequence[Output], windows: Windows
) -> list[Output]:
    """What is said of each input by the outputs of all their windows, one after the other."""
    joined = []
    left = iter(outputs)
    for item in items:
        own = list(islice(left, len(item.windows)))
        joined.append(model.joined(item, own, windows) if item.more else own[0])
    return joined


def refuse_truncated(model: Model, rows: Sequence[int], items: Sequence[Item]) -> None:
    """Raises TextTooLong for an item that was cut; its row is that of the request."""
    for row, item in zip(rows, items, strict=True):
        if item.truncated:
            raise TextTooLong(
                f"text {row} has more than the {model.manifest.max_length} tokens that "
                f"{model.manifest.name} reads, and truncate is false"
            )
