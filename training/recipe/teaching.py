"""The part of a recipe that says who teaches a student, on what text and by which losses."""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.recipe.section import Section


class Transfer(Section):
    """Unlabelled text that the teacher labels for the student."""

    source: str = Field(description="hub id or local file with a column of text, or plain text")
    size: int = Field(40_000, ge=1, description="texts drawn; fewer if there are fewer")
    unit: Literal["sentence", "line", "whole"] | None = Field(
        None,
        description="what of a text is drawn: its sentences, its lines, or all of it; default: "
        "sentence, of pairs whole",
    )
    min_words: int | None = Field(None, ge=1, description="default: 3 of a sentence, else 1")
    max_words: int | None = Field(None, ge=1, description="default: 30 of a sentence, else any")
    config: str | None = Field(None, description="the configuration of a hub's set")
    split: str = Field("train", description="of a hub's set")
    text_column: str | None = Field(None, description="default: data.text_column, or the usual")
    text_pair_column: str | None = Field(
        None, description="of the second texts of pairs; default: data.text_pair_column, or usual"
    )

    def words(self, unit: str) -> tuple[int, float]:
        """The fewest and the most words of what is drawn, in such units."""
        usual = (3, 30) if unit == "sentence" else (1, math.inf)
        return self.min_words or usual[0], self.max_words or usual[1]


class Augmentation(Section):
    """Altered copies of the training texts that the teacher labels (Tang et al. 2019)."""

    copies: int | None = Field(
        None,
        ge=0,
        description="drawn from each text; one drawn before is left out; default: by the data's "
        "size, as many as make `rows` of all texts, and no more than 20",
    )
    rows: int = Field(
        40_000,
        ge=1,
        description="of all texts, that are aimed at where copies are not given; what is "
        "pretrained needs fewer than what begins with nothing",
    )
    mask_probability: float | None = Field(
        None,
        ge=0,
        le=1,
        description="a word becomes the mask token; default: 0.1, or 0 where student or teacher "
        "has no such token",
    )
    replace_probability: float = Field(
        0.1, ge=0, le=1, description="a word becomes one drawn from the training texts' words"
    )
    ngram_probability: float = Field(0.25, ge=0, le=1, description="a copy is cut to 1 to 5 words")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if (self.mask_probability or 0) + self.replace_probability > 1:
            raise ValueError("mask_probability and replace_probability are together more than 1")
        never = self.mask_probability == self.replace_probability == self.ngram_probability == 0
        if self.copies and never:
            raise ValueError("no probability is above 0, so that no copy would differ")
        return self


class Losses(Section):
    """The weight of each part of a student's loss; `training.teach.losses` says what they are."""

    hard: float = Field(0.0, ge=0, description="cross-entropy with the labels")
    kl: float = Field(0.0, ge=0, description="KL to the teacher's softened probabilities")
    mse: float = Field(0.0, ge=0, description="squared difference of the logits")
    cosine: float = Field(0.0, ge=0, description="angle between the sentence embeddings")
    similarity: float = Field(
        0.0, ge=0, description="of an embedder: KL between a batch's similarities"
    )
    masked: float = Field(
        0.0, ge=0, description="of an embedder: cross-entropy with words that are masked"
    )
    masked_kl: float = Field(
        0.0,
        ge=0,
        description="of an embedder: KL to the teacher's softened probabilities of masked words",
    )
    hidden: float = Field(0.0, ge=0, description="squared difference of the hidden states")
    attention: float = Field(0.0, ge=0, description="attention and value relations, last layer")

    @property
    def from_teacher(self) -> bool:
        """Whether any part is learnt from a teacher, so that it needs no label."""
        return bool(self.kl or self.mse or self.similarity or self.masked_kl or self.white_box)

    @property
    def of_embedders(self) -> bool:
        """Whether any part is learnt by embedders alone."""
        return bool(self.similarity or self.masked or self.masked_kl)

    @property
    def white_box(self) -> bool:
        """Whether any part looks inside the teacher, which then runs at every step."""
        return bool(self.cosine or self.hidden or self.attention)


class Distillation(Section):
    """Who teaches, on what text, and how the loss is mixed.

    `alpha` is short for the dual loss of Hinton et al. 2015, `losses = { kl = alpha,
    hard = 1 - alpha }`; it is 0.5 where neither is given.
    """

    teacher: str | Annotated[tuple[str, ...], Field(min_length=2)] = Field(
        description="hub id or local directory of the fine-tuned teacher, directory of a published "
        "version, or file of soft labels; a list is an ensemble"
    )
    alpha: float | None = Field(
        None, ge=0, le=1, description="the teacher's share against the labels'; or give losses"
    )
    losses: Losses | None = None
    temperature: float = Field(2.0, gt=0, description="softens both sides of the KL")
    label_precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto",
        description="what a checkpoint labels in; auto: bf16 where the machine is fast at it and "
        "no probability of some of the texts moves by more than 0.02, else fp32",
    )
    transfer: Transfer | None = None
    augmentation: Augmentation | None = None

    @property
    def teachers(self) -> tuple[str, ...]:
        """All teachers; the first one also gives embeddings, tokeniser and hidden states."""
        return (self.teacher,) if isinstance(self.teacher, str) else self.teacher

    @property
    def weights(self) -> Losses:
        """The mix, however it was written."""
        if self.losses is not None:
            return self.losses
        alpha = 0.5 if self.alpha is None else self.alpha
        return Losses(kl=alpha, hard=1 - alpha)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.alpha is not None and self.losses is not None:
            raise ValueError("give alpha or losses, not both: alpha is losses.kl and losses.hard")
        if not any(self.weights.model_dump().values()):
            raise ValueError("losses: no weight is above 0")
        copies = self.augmentation is not None and self.augmentation.copies
        if (self.transfer or copies) and not self.weights.from_teacher:
            raise ValueError("only losses.hard is above 0, and text without labels has none")
        if len(set(self.teachers)) < len(self.teachers):
            raise ValueError("teacher: one is named twice")
        return self
