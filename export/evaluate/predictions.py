"""A model's answers as rows of a file: JSON lines, or tab-separated."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from export.errors import ExportError
from export.evaluate.answering import Answers
from service.runtime.model import Input, Pair
from training.data.labelled import LabelledText
from training.data.writing import blocked

KINDS = (".jsonl", ".tsv")


def refuse_output(path: Path, source: str | None = None) -> None:
    """Raises ExportError unless predictions can be written to such a file.

    Args:
        source: where the texts are read from, which is not to be written over; None: no file.
    """
    if path.suffix not in KINDS:
        raise ExportError(f"predictions go to a file that ends in {' or '.join(KINDS)}, not {path}")
    if source is not None and path.resolve() == Path(source).expanduser().resolve():
        raise ExportError(f"the texts are read from {path}: predictions go to another file")
    if why := blocked(path):
        raise ExportError(f"predictions cannot go to {path}: {why}")


def rows(
    texts: Sequence[Input], answers: Answers, data: LabelledText | None = None
) -> Iterator[dict[str, Any]]:
    """One row a text: what it is given, how likely, and what it should be where that is known."""
    for place, text in enumerate(texts):
        row: dict[str, Any] = {"text": text} if isinstance(text, str) else asdict(text)
        scores = dict(zip(answers.labels, answers.probabilities[place].tolist(), strict=True))
        if answers.problem == "regression":
            row |= {"score": answers.probabilities[place, 0].item()}
        elif answers.problem == "multi_label":
            row |= {"labels": answers.named(place), "scores": scores}
        else:
            (label,) = answers.named(place)
            row |= {"label": label, "score": scores[label], "scores": scores}
        if data is not None:
            row["truth"] = _truth(data, place)
        yield row


def two_by_two(texts: Sequence[Input]) -> list[Input]:
    """Texts as the pairs that a model of pairs reads.

    Raises:
        ExportError: one is left over.
    """
    if len(texts) % 2:
        raise ExportError(
            f"the model reads pairs of texts, and {len(texts)} are given: give two for each pair"
        )
    single = list(map(str, texts))
    return [Pair(one, two) for one, two in zip(single[::2], single[1::2], strict=True)]


def write_predictions(path: Path, found: Iterable[Mapping[str, Any]]) -> None:
    """Writes one row a text; a TSV's texts have no tabs and no line ends any more."""
    refuse_output(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".jsonl":
            for row in found:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            return
        writer = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None)
        for number, row in enumerate(found):
            cells = {name: _cell(value) for name, value in row.items() if name != "scores"}
            cells |= {
                f"score {name}": _cell(value) for name, value in row.get("scores", {}).items()
            }
            if number == 0:
                writer.writerow(cells)
            writer.writerow(cells.values())


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return ",".join(map(str, value))
    return " ".join(str(value).split())


def _truth(data: LabelledText, place: int) -> Any:
    target = data.targets[place]
    if data.problem == "regression":
        return float(target)
    if data.problem == "multi_label":
        return [data.labels[label] for label in np.flatnonzero(target)]
    return data.labels[int(target)]
