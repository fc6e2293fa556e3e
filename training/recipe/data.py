"""The part of a recipe that says where text comes from, and how it is read."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from service.repository import sections
from training.errors import DataError
from training.problem import ProblemType
from training.recipe.section import Section

RELEVANT = "relevant"  # the one label of a model of relevance, where nobody named it


class Windows(Section):
    """How a text over `max_length` is read where the model is measured and served.

    In windows of `max_length` tokens, special ones in each; without this section it is cut to its
    first `max_length` tokens. What is trained on is cut all the same, by student and teacher
    alike: a label is of the whole text, and of none of its windows.
    """

    stride: int = Field(64, ge=0, description="tokens that a window shares with the one before it")
    pooling: Literal["mean", "max", "first"] = Field(
        "mean",
        description="how a classifier's windows become one answer: the mean of their logits, "
        "the highest of each logit, or the first window's",
    )

    @property
    def served(self) -> sections.Windows:
        """As a manifest has them."""
        return sections.Windows(stride=self.stride, pooling=self.pooling)


class Data(Section):
    """Where labelled text comes from and how it is split."""

    train: str | None = Field(
        None, description="hub id, or a local TSV, CSV, JSON lines or Parquet file"
    )
    test: str | None = Field(None, description="set for reporting; never used to choose")
    config: str | None = Field(None, description="the configuration of a hub's set")
    train_split: str | None = Field(None, description="of a hub's set; default: train")
    test_split: str | None = Field(
        None, description="of a hub's set; default: test, or validation where there is none"
    )
    text_column: str | None = Field(None, description="default: text, sentence, review or content")
    text_pair_column: str | None = Field(
        None,
        description="of the second texts of pairs; default: text_pair, sentence2, hypothesis, "
        "question2, sentence or passage, where the first is beside it and neither is named",
    )
    pairs: bool | None = Field(
        None, description="whether an input is two texts; default: the teacher's, or the columns'"
    )
    label_column: str | None = Field(None, description="default: label or labels")
    labels: dict[str, str] | None = Field(
        None, description="label in the file -> label served; without a teacher, in their order"
    )
    problem: ProblemType | Literal["relevance"] | None = Field(
        None,
        description="what labels are of; default: the teacher's, or found from the labels; "
        "relevance: one logit, as a reranker has, of labels 0 and 1 or scores between",
    )
    choose_size: int | None = Field(
        None, ge=1, description="texts cut from train to choose by; default: by the data's size"
    )
    fit_size: int | None = Field(
        None, ge=1, description="texts cut from train to fit temperature, thresholds and cascades"
    )
    measure_size: int | None = Field(
        None, ge=1, description="texts cut from train to report, where there is no test set"
    )
    max_length: int = Field(128, ge=4, description="most tokens of a text that are read")
    special_tokens: Literal["text", "parsed"] = Field(
        "text",
        description='what "[SEP]" typed by a user is: text like any other, or the special token',
    )
    windows: Windows | None = None
    subwords: Literal["first", "all"] = Field(
        "first",
        description="of a tagger: which tokens of a word are learnt, its first alone or all; "
        "entities are then made of words by the aggregation `first`, or of tokens by `simple`",
    )
    seed: int = Field(13, description="draws the held-out, transfer and augmented texts")

    @model_validator(mode="before")
    @classmethod
    def _has_new_sizes(cls, values: Any) -> Any:
        if isinstance(values, dict) and "validation_size" in values:
            raise ValueError(
                "validation_size is now choose_size, fit_size and (without a test set) "
                "measure_size: one set of texts for each use"
            )
        return values

    @model_validator(mode="after")
    def _windows_go_on(self) -> Self:
        if self.windows is not None and self.windows.stride >= self.max_length:
            raise ValueError("windows.stride: windows have to share fewer tokens than they have")
        return self

    @property
    def kind(self) -> ProblemType | None:
        """What labels are of, as a model says it: relevance is one label, which a text may have."""
        return "multi_label" if self.problem == "relevance" else self.problem

    @property
    def named(self) -> tuple[str, ...] | None:
        """The labels that a model has, as far as the recipe says; None: it does not.

        Raises:
            DataError: relevance is given several names.
        """
        names = tuple(dict.fromkeys(self.labels.values())) if self.labels else None
        if self.problem != "relevance":
            return names
        if names is not None and len(names) > 1:
            raise DataError(
                f"data.labels names {list(names)}, and relevance is one label: name that alone"
            )
        return names or (RELEVANT,)

    @property
    def train_source(self) -> str:
        """`train`, where it has to be there.

        Raises:
            DataError: it is not.
        """
        if self.train is None:
            raise DataError("no labelled texts: pass --train, or set data.train")
        return self.train
