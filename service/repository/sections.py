"""The parts of a manifest: its files, where the model came from, and what was measured of it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """Base of all sections: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class File(Section):
    """One file of the version."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of its bytes")
    bytes: int = Field(ge=0, description="how many")


class Windows(Section):
    """How a text that is too long for a model is read: in several windows, each of its length."""

    stride: int = Field(ge=0, description="tokens that a window shares with the one before it")
    pooling: Literal["mean", "max", "first"] = Field(
        "mean",
        description="of the windows' logits or embeddings; first: the first window alone; a "
        "tagger's windows are stitched, whatever it says",
    )


class Lineage(Section):
    """Where the model came from; None where it is not known."""

    teacher: str | tuple[str, ...] | None = Field(
        description="hash of the teacher's weights; of each, where there were several"
    )
    recipe_sha256: str | None = Field(description="of the recipe")
    data_sha256: str | None = Field(description="of the texts that it was trained on")
    transfer_sha256: str | None = Field(
        None, description="of the texts without labels that a teacher labelled"
    )
    code_version: str = Field(description="of Stillhouse, when it was exported")


class LabelMetrics(Section):
    """Scores of one label; the interval is Wilson's at 95%."""

    n: int = Field(ge=0, description="texts that have the label")
    precision: float | None = Field(description="None: it was never given")
    recall: float | None = Field(description="None: no text has it")
    recall_low: float | None = Field(None, description="its lower bound")
    recall_high: float | None = Field(None, description="its upper bound")
    f1: float = Field(description="the harmonic mean of precision and recall")


class Metrics(Section):
    """Scores of this very file, measured through the service's classifier.

    Those of classifiers are None for a regression and the other way around. Of a multi-label
    model, `accuracy` is the share of texts all of whose labels are right.
    """

    n: int = Field(ge=1, description="texts")
    accuracy: float | None = Field(None, description="share of texts that are right")
    accuracy_low: float | None = Field(None, description="at 95% (Wilson's)")
    accuracy_high: float | None = Field(None, description="at 95% (Wilson's)")
    macro_f1: float | None = Field(None, description="mean of the labels' F1")
    micro_f1: float | None = Field(None, description="of a multi-label model")
    ece: float | None = Field(None, description="expected calibration error")
    pearson: float | None = Field(None, description="of a regression")
    spearman: float | None = Field(None, description="of a regression")
    mean_absolute_error: float | None = Field(None, description="of a regression")
    entity_precision: float | None = Field(None, description="of a tagger, over whole entities")
    entity_recall: float | None = Field(None, description="of a tagger, over whole entities")
    entity_f1: float | None = Field(None, description="of a tagger, over whole entities")
    entity_f1_low: float | None = Field(None, description="at 95%, resampling texts")
    entity_f1_high: float | None = Field(None, description="at 95%, resampling texts")
    neighbours: float | None = Field(
        None, description="of an embedder: share of texts whose nearest other has their label"
    )
    neighbours_low: float | None = Field(None, description="at 95% (Wilson's)")
    neighbours_high: float | None = Field(None, description="at 95% (Wilson's)")
    mean_average_precision: float | None = Field(
        None, description="of an embedder: of the ten nearest texts, by the same label"
    )
    by_label: dict[str, LabelMetrics] | None = Field(None, description="scores of each label")


class Parity(Section):
    """How this file differs from the torch checkpoint it was made of, on `n` texts."""

    n: int = Field(ge=1, description="texts")
    max_logit_difference: float = Field(description="the largest, absolute")
    agreement: float = Field(description="share of texts with the same label")
    agreement_low: float | None = Field(None, description="its lower bound, at 95%")
    accuracy_drop: float | None = Field(description="torch less this file; None: no labels")
    accuracy_drop_high: float | None = Field(
        None, description="the upper bound of the drop, at 95%, paired; None: not known"
    )
    recall_drops: dict[str, float] | None = Field(
        None, description="of each label's recall, torch less this file"
    )
    max_batch_difference: float | None = Field(
        None,
        description="of a probability, alone and in padded batches of other texts; None: not known",
    )
    entity_f1_drop: float | None = Field(
        None, description="of a tagger: torch less this file; None: no labels"
    )
    entity_f1_drop_high: float | None = Field(None, description="its upper bound, at 95%")
    min_cosine: float | None = Field(
        None, description="of an embedder: the least between this file's embedding and torch's"
    )
    mean_cosine: float | None = Field(None, description="of an embedder: their mean")
    neighbours_kept: float | None = Field(
        None, description="of an embedder: share of texts that keep their nearest neighbour"
    )


class NodeError(Section):
    """What the logits lose when one node alone is quantised, on the calibration texts."""

    node: str = Field(description="its name in the graph")
    rms_logit_difference: float = Field(description="root of the mean square")
    max_logit_difference: float = Field(description="the largest, absolute")
    agreement: float = Field(description="share of texts with the same label")


class Quantization(Section):
    """How an INT8 file was made."""

    activations: Literal["token", "static", "dynamic"] = Field(
        description="token: each row of a product has its own scale; static: scales are constants; "
        "dynamic: of each batch, so it moves answers"
    )
    weight_bits: Literal[7, 8] = Field(
        7, description="8: on a CPU without VNNI products need another way, or they overflow"
    )
    calibration: Literal["minmax", "entropy", "percentile"] | None = Field(
        None, description="how the ranges of static activations were taken; None: they are known"
    )
    texts: int | None = Field(None, description="how many the ranges and errors are of")
    texts_sha256: str | None = Field(None, description="of those texts")
    left_out: tuple[str, ...] = Field((), description="nodes that stay in FP32, the worst first")
    errors: tuple[NodeError, ...] = Field((), description="of every node, the worst first")
