"""What a comparison of models found, as written to its files. Measures and draws nothing."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from training.problem import Task


class Result(BaseModel):
    """Base of all parts: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(Result):
    """A number with its interval at 95%, where there is one."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, value: float, low: float | None, high: float | None) -> "Figure":
        """By place."""
        return cls(value=value, low=low, high=high)


class Judged(Result):
    """How good a model's answers are.

    Attributes:
        quality: by what models of the task are judged; see `Bench.quality_name`.
        macro_f1: None where there are no labels.
        agreement: share of texts that are answered as by the first; None: it is the first, or what
            is answered is a number.
        lost: the first one's quality less this one's, paired; None: it is the first, or not known.
    """

    quality: Figure | None
    macro_f1: Figure | None = None
    agreement: Figure | None = None
    lost: Figure | None = None


class Alone(Result):
    """Milliseconds for one text alone, tokenising included."""

    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


class Row(Result):
    """One model.

    Attributes:
        engine: what ran it.
        precision: of its arithmetic.
        bytes: of the files that hold its weights; of a model that was made here, as it would be
            saved.
        sparsity: the share of the numbers in its weight matrices, as they are stored, that are 0.
        max_length: the most tokens of a text that it read.
        batch_size: texts that it ran together for `texts_per_second`.
        speed_up: the first one's median for one text alone, over this one's.
        batch_speed_up: this one's texts a second, over the first one's.
    """

    title: str
    engine: str
    precision: str
    bytes: int
    parameters: int
    sparsity: float
    max_length: int
    judged: Judged
    alone: Alone
    batch_size: int
    texts_per_second: float
    speed_up: float
    batch_speed_up: float


class Bench(Result):
    """Models on the same texts.

    Attributes:
        data: where the texts are from; `data_sha256` is of those that were taken.
        n: texts that were answered, all by every model.
        quality_name: what `Judged.quality` is.
        agreement_name: what `Judged.agreement` is.
        pad_to: tokens that every text was padded to; None: to the longest of its batch.
        threads: of each model; texts are tokenised by one.
        warm_up: texts alone, before those that were timed.
        runs: texts alone that were timed.
        libraries: releases of what ran.
    """

    started_at: datetime
    code_version: str
    data: str
    data_sha256: str
    n: int
    task: Task
    quality_name: str | None
    agreement_name: str | None
    pad_to: int | None
    threads: int
    cpus: int
    hardware: str
    warm_up: int
    runs: int
    libraries: dict[str, str]
    rows: tuple[Row, ...]
