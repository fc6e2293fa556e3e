"""The data sets, and how each is cut into texts to train on and texts to measure on.

Files are TSV with the columns `label` and `text`, `.gz` allowed, in a folder for each set. What
comes with no test set is cut by a fixed seed, equal texts taken once.
"""

import gzip
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SEED = 13
HEADER = "label\ttext"


@dataclass(frozen=True)
class DataSet:
    """A set by its files.

    Attributes:
        train, test: files that are put together; without a test file some of train are taken.
        tested: the share that is taken then.
        rows: to train on, at most.
    """

    name: str
    train: tuple[str, ...]
    test: tuple[str, ...] = ()
    tested: float = 0.25
    rows: int | None = None


SETS = (
    DataSet("trec-2500", ("trec/train.tsv",), ("trec/test.tsv",), rows=2500),
    DataSet("trec", ("trec/train.tsv",), ("trec/test.tsv",)),
    DataSet("sms_spam", ("sms_spam/all.tsv",)),
    DataSet("subj", ("subj/all.tsv",), tested=0.2),
    DataSet("banking77", ("banking77/train.tsv",), ("banking77/test.tsv",)),
    DataSet(
        "clinc150",
        tuple(f"clinc150/{name}.tsv" for name in ("train", "oos_train", "val", "oos_val")),
        ("clinc150/test.tsv", "clinc150/oos_test.tsv"),
    ),
    DataSet("ag_news", ("ag_news/train_sample.tsv.gz",), ("ag_news/test.tsv",)),
    DataSet("sst2", ("sst2/train.tsv.gz",), ("sst2/dev.tsv",)),
    DataSet("imdb", ("imdb/train.tsv.gz",), ("imdb/test.tsv.gz",)),
)


def prepare(one: DataSet, data: Path, folder: Path) -> tuple[Path, Path]:
    """Writes `train.tsv` and `test.tsv` of a set into a folder, and gives their paths.

    Files that are there are kept, as a teacher may have been trained on them.

    Raises:
        RuntimeError: a file is not there.
    """
    files = folder / "train.tsv", folder / "test.tsv"
    if all(file.is_file() for file in files):
        return files
    rows = [row for name in one.train for row in _rows(data / name)]
    random.Random(SEED).shuffle(rows)  # noqa: S311  no secret
    if one.test:
        test = [row for name in one.test for row in _rows(data / name)]
    else:
        rows = list(dict.fromkeys(rows))
        cut = len(rows) - round(one.tested * len(rows))
        rows, test = rows[:cut], rows[cut:]
    folder.mkdir(parents=True, exist_ok=True)
    _write(files[0], rows[: one.rows])
    _write(files[1], test)
    return files


def _rows(path: Path) -> list[str]:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            header, *rows = file.read().splitlines()
    except OSError as error:
        raise RuntimeError(f"{path} cannot be read: {error}") from error
    if header != HEADER:
        raise RuntimeError(f"{path}: expected the columns label and text")
    return rows


def _write(path: Path, rows: Sequence[str]) -> None:
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
