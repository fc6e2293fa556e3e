"""A folder laid out like a set of the hub, whose tables are CSV or TSV."""

from pathlib import Path

import pytest

from training.data.loading import load_labelled_text, load_texts
from training.recipe.data import Data

ROWS = [("007", "None"), ("7", "NA"), ("1.50", "None"), ("true", "NA")]


@pytest.mark.parametrize("between", [",", "\t"], ids=["csv", "tsv"])
def test_its_cells_are_read_as_they_stand(tmp_path: Path, between: str) -> None:
    """As those of the file itself: zeros stay, and names that mean nothing to pandas are labels."""
    lines = [between.join(row) for row in [("text", "label"), *ROWS]]
    name = "csv" if between == "," else "tsv"
    for split in ("train", "test"):
        (tmp_path / f"{split}.{name}").write_text("\n".join(lines) + "\n")
    alone = load_labelled_text(str(tmp_path / f"train.{name}"), Data())
    assert [str(text) for text in alone.texts] == [text for text, _ in ROWS]
    assert alone.labels == ("NA", "None")
    assert load_labelled_text(str(tmp_path), Data()) == alone
    assert list(load_texts(str(tmp_path), Data())) == list(alone.texts)
