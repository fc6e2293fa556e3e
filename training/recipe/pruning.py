"""The part of a recipe that says what is cut out of an encoder before, or while, it learns."""

from typing import Literal, Self

from pydantic import Field, model_validator

from training.recipe.section import Section


class Pruning(Section):
    """What is cut out of the base encoder; what it then lacks, it learns back.

    Heads and neurons leave the matrices, which get smaller and take less time; `model.layers` drops
    whole layers. `kind = "mask"` is the other way: single weights become zeros, in matrices of the
    same size, which saves nothing but what a compressed archive saves.
    """

    kind: Literal["structured", "mask"] = Field(
        "structured",
        description="structured: heads and neurons leave the matrices; mask: the smallest weights "
        "become zeros, which saves no time",
    )
    heads: float = Field(1.0, gt=0, le=1, description="share of the attention heads kept")
    neurons: float = Field(1.0, gt=0, le=1, description="share of the feed-forward neurons kept")
    allocation: Literal["layer", "model"] = Field(
        "layer",
        description="layer: the same share of every layer; model: what matters most of all layers, "
        "at least one head of each, and sixteen neurons where `least` leaves any",
    )
    least: float = Field(
        0.0,
        ge=0,
        lt=1,
        description='of allocation = "model": a layer that would keep a smaller share of its '
        "neurons keeps none, and the others as many more: what is around its products costs time",
    )
    importance: Literal["magnitude", "taylor", "distillation"] = Field(
        "magnitude",
        description="what is cut first: what has the smallest weights, or what matters least by "
        "the gradient of the labels' loss (taylor) or of the KL to the teacher, which needs no "
        "labels (distillation)",
    )
    batches: int = Field(
        16,
        ge=1,
        description="of training texts that the gradients are taken on, and at most as many that "
        "`reconstruction` fits on",
    )
    reconstruction: bool = Field(
        False,
        description="what is left of a layer is fitted, by least squares, to what the layer gave "
        "before: where all is cut at once",
    )
    cuts: int = Field(
        1, ge=1, description="how often some is cut; 1: all at once, before the training"
    )
    until: float = Field(
        0.3, gt=0, lt=1, description="share of the training after which all cuts are made"
    )
    vocabulary: Literal["all", "data"] = Field(
        "all",
        description="tokens kept; data: those of the texts that are learnt from, the most general "
        "ones, and what it takes to spell any other text",
    )
    vocabulary_count: int = Field(
        1, ge=1, description="a token is one of the texts' where it stands in them so often"
    )
    general_tokens: int = Field(
        4000,
        ge=0,
        description="how many of the vocabulary's first tokens, its most frequent ones, are kept "
        "whatever the texts hold",
    )
    sparsity: float | None = Field(
        None, gt=0, lt=1, description="of a mask: share of the layers' weights that become zeros"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        masks = self.kind == "mask"
        if masks and self.sparsity is None:
            raise ValueError('sparsity is missing: how much of the weights kind = "mask" zeroes')
        if not masks and self.sparsity is not None:
            raise ValueError('sparsity is of kind = "mask"; heads and neurons say what is kept')
        if masks and (self.heads < 1 or self.neurons < 1 or self.cuts > 1):
            raise ValueError(
                'kind = "mask" zeroes single weights at once: leave heads, neurons and cuts out'
            )
        if self.least and (self.allocation == "layer" or self.least >= self.neurons):
            raise ValueError(
                'least is of allocation = "model" and below neurons: which layers keep no neuron'
            )
        if self.reconstruction and (masks or self.cuts > 1 or self.heads == self.neurons == 1):
            raise ValueError("reconstruction is of heads and neurons that are cut at once")
        if not masks and self.heads == self.neurons == 1 and self.vocabulary == "all":
            raise ValueError("nothing is cut: give heads, neurons or vocabulary")
        return self

    @property
    def cuts_layers(self) -> bool:
        """Whether heads or neurons leave the matrices."""
        return self.kind == "structured" and (self.heads < 1 or self.neurons < 1)
