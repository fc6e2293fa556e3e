"""The report of a refusal: what is outside the gate, by how much, and what would publish it."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from export.errors import GateError


def write_refusal(
    error: GateError, directory: Path, *, name: str, checkpoint: str, precision: str
) -> Path:
    """Writes `refused-<name>.json` and `.txt` into `directory`; the last refusal stands.

    Returns:
        the text's path.
    """
    directory.mkdir(parents=True, exist_ok=True)
    at = datetime.now(UTC).replace(microsecond=0).isoformat()
    head = {"name": name, "checkpoint": checkpoint, "precision": precision, "refused_at": at}
    values = {**head, **asdict(error.verdict)}
    place = directory / f"refused-{name}.json"
    place.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    text = place.with_suffix(".txt")
    text.write_text("\n".join([*_head(head), *lines(error), ""]), encoding="utf-8")
    return text


def _head(head: dict[str, str]) -> list[str]:
    return [
        f"{head['name']} ({head['precision']}) of {head['checkpoint']} was not published, "
        f"{head['refused_at']}.",
        "The checkpoint is as it was.",
        "",
    ]


def lines(error: GateError) -> list[str]:
    """What a refusal says, a line each."""
    found = [f"- {one.what}\n  {one.remedy}" for one in error.verdict.findings]
    return [*found, *(f"- not looked at: {one}" for one in error.verdict.unseen)]
