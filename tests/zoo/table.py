"""`python -m tests.zoo.table`: the zoo's results, and the table of them in docs/models.md."""

import dataclasses
import json
import sys
import tempfile
import warnings
from pathlib import Path

from tests.zoo.embedders import EMBEDDERS, REFUSED_EMBEDDERS
from tests.zoo.families import CROSS_ENCODERS, PAIRS, REFUSED, SUPPORTED
from tests.zoo.pruned import PRUNED
from tests.zoo.taggers import TAGGERS, visit_tagger
from tests.zoo.visit import Row, visit

ALL = {
    **SUPPORTED,
    **PRUNED,
    **PAIRS,
    **CROSS_ENCODERS,
    **EMBEDDERS,
    **REFUSED,
    **REFUSED_EMBEDDERS,
}
DOCS = Path(__file__).parents[2] / "docs"
RESULTS, PAGE = DOCS / "zoo.json", DOCS / "models.md"
BEGIN, END = "<!-- the zoo, by python -m tests.zoo.table -->", "<!-- the zoo's end -->"
HEAD = "| model | as a teacher | served alone | in a batch | at the limit and beyond | INT8 |"


def rendered(rows: list[Row]) -> str:
    """The table in Markdown."""
    lines = [HEAD, "| --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        if row.refused is not None:
            lines.append(f"| {row.name} | refused: {row.refused} | | | | |")
            continue
        stages = (row.teacher, row.alone, row.batch, row.limit, row.int8)
        cells = " | ".join("" if one is None else f"{one:.1e}" for one in stages)
        lines.append(f"| {row.name} | {cells} |")
    return "\n".join(lines)


def stored() -> list[Row]:
    """The results that are committed."""
    return [Row(**values) for values in json.loads(RESULTS.read_text(encoding="utf-8"))]


def between(page: str) -> str:
    """What stands between the page's marks."""
    return page.partition(BEGIN)[2].partition(END)[0].strip()


def main() -> None:
    """Visits every family, and writes results and page."""
    warnings.simplefilter("ignore")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for place, (name, build) in enumerate(ALL.items()):
            pairs = True if name in PAIRS else None
            rows.append(visit(name, build, Path(folder) / str(place), pairs=pairs))
            sys.stderr.write(f"{rows[-1]}\n")
        for name, build in TAGGERS.items():
            rows.append(visit_tagger(name, build, Path(folder) / name))
            sys.stderr.write(f"{rows[-1]}\n")
    RESULTS.write_text(
        json.dumps([dataclasses.asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8"
    )
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(
        f"{before}{BEGIN}\n\n{rendered(rows)}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
