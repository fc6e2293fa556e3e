"""The part of a recipe that says what an export may lose."""

from pydantic import Field

from training.recipe.section import Section


class Quality(Section):
    """The most that an export may lose against its checkpoint; more is not published."""

    max_accuracy_drop: float = Field(0.003, ge=0, le=1, description="share of labelled texts")
    min_agreement: float = Field(
        0.99, ge=0, le=1, description="share of texts that keep their label"
    )
