"""The part of a recipe that says whether an encoder learns in the arithmetic of its INT8 file."""

from pydantic import Field

from training.recipe.section import Section


class Quantization(Section):
    """Quantisation-aware training of an encoder.

    Products and embedding tables are rounded as the export to INT8 by the token rounds them, and
    the gradients pass by the rounding, so that the weights learn to bear it. The checkpoint is one
    like any other, in FP32.
    """

    aware: bool = Field(
        False, description="round while it trains, and while checkpoints are chosen"
    )
    start: float = Field(0.5, ge=0, lt=1, description="share of the training after which it rounds")

    def refuse_other(self, architecture: str) -> None:
        """Raises ValueError where a model is exported to INT8 in another way."""
        if self.aware and architecture != "encoder":
            raise ValueError(
                "quantization.aware rounds as INT8 by the token, which encoders are exported in: "
                'take model.architecture = "encoder"'
            )
