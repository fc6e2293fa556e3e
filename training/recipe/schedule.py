"""The section of a recipe that says how a loop runs."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.recipe.section import Section

ChooseBy = Literal["accuracy", "macro_f1", "micro_f1", "entity_f1", "pearson", "loss"]


class Training(Section):
    """The schedule. One Trainer runs it, so the names are the Trainer's."""

    epochs: float | None = Field(
        None, gt=0, description="times each text is read; default: whole ones that take `steps`"
    )
    steps: int | None = Field(
        None,
        ge=1,
        description="steps that are aimed at where epochs is not given, by 1 to 60 epochs; "
        "default: 2000, or what reads each text 3 times, up to 6000",
    )
    batch_size: int = Field(ge=1, description="texts of a step, of all processes together")
    learning_rate: float | None = Field(
        None,
        gt=0,
        description="the highest, after the warm-up; default, of an encoder alone: by its width, "
        "5e-5 at 768 and 1.4e-4 at 384",
    )
    warmup_ratio: float = Field(
        0.06, ge=0, lt=1, description="share of the steps in which the learning rate rises"
    )
    weight_decay: float = Field(0.01, ge=0, description="of AdamW; biases and norms have none")
    max_grad_norm: float = Field(1.0, gt=0, description="a longer gradient is cut to it")
    scheduler: Literal["linear", "cosine", "constant"] = Field(
        "linear", description="how the learning rate falls after the warm-up"
    )
    evaluations_per_epoch: float | None = Field(
        None,
        gt=0,
        description="on the texts that choose; default: 2, or 10 in all where epochs is not given",
    )
    choose_by: ChooseBy | None = Field(
        None,
        description="of the checkpoints, on texts held out; the loss moves where few labels do; "
        "default: accuracy, of several labels a text macro_f1, of a regression pearson, "
        "of a tagger entity_f1",
    )
    class_weights: Literal["none", "balanced"] | dict[str, Annotated[float, Field(gt=0)]] = Field(
        "none",
        description="of each label in the loss with the labels; balanced: the rarer the more; "
        "a table of labels, where the others weigh 1",
    )
    sampler: Literal["shuffled", "balanced"] = Field(
        "shuffled",
        description="shuffled: every text once an epoch; balanced: as many draws, the texts of a "
        "rare label more often",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "fp32",
        description="that matrices are multiplied in; auto: an encoder's in bf16 where the machine "
        "is fast at it, else in fp32",
    )
    seed: int = Field(13, description="draws the new weights, the order of texts and dropout")

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if self.epochs is not None and self.steps is not None:
            raise ValueError("give epochs or steps, not both")
        return self
