"""What was found when a cascade was fitted: its versions, its thresholds, and what they promise.

A part of `routes.toml`, which `routes` reads.
"""

from typing import Literal

from pydantic import Field

from service.repository.sections import Section

Promise = Literal["accuracy", "lost-texts", "disagreement"]


class Fitted(Section):
    """The version of a model that a cascade was fitted on."""

    version: int = Field(ge=1, description="its number")
    sha256: str = Field(description="its manifest's fingerprint")


class Point(Section):
    """One threshold of the fitted curve."""

    threshold: float = Field(description="of the confidence of each model but the last")
    escalated: float = Field(description="share of texts that the last model answered")
    accuracy: float = Field(description="of the cascade with it")


class Fit(Section):
    """How a cascade's thresholds were found."""

    method: str = Field(description="the test that bounds the loss")
    promise: Promise = Field(
        "lost-texts",  # as it was before there were others
        description="what is bounded: accuracy: the accuracy lost against the last model; "
        "lost-texts: the share of texts that the last model alone gets right; disagreement: the "
        "share that gets another label than the last model's, by texts without labels",
    )
    data_sha256: str = Field(description="of the texts")
    n: int = Field(ge=1, description="texts")
    max_accuracy_loss: float = Field(description="the limit that is promised, as a share")
    confidence: float = Field(description="the probability that the promise holds")
    accuracy_loss_bound: float = Field(
        description="of the chosen threshold, as if no other had been looked at: the promise is "
        "`max_accuracy_loss`"
    )
    accuracy: float = Field(
        description="of the cascade, on the data it was fitted on; of a disagreement, the share "
        "that gets the last model's label"
    )
    last_accuracy: float = Field(description="of the last model alone, on the same data")
    used_for: str | None = Field(
        None, description="what else the texts were used for; None: from before it was told"
    )
    curve: tuple[Point, ...] = Field((), description="what other thresholds came to")

    @property
    def labelled(self) -> bool:
        """Whether its texts had labels."""
        return self.promise != "disagreement"

    def promised(self, last: str) -> str:
        """What is promised of a chain that ends with `last`, in words."""
        limit = self.max_accuracy_loss
        if self.promise == "accuracy":
            return f"accuracy at most {100 * limit:.2f} points below {last}'s"
        share = f"at most {limit:.2%} of texts"
        if self.promise == "lost-texts":
            return f"{share} answered wrongly that {last} answers rightly"
        return f"{share} labelled otherwise than by {last}"


class Hop(Section):
    """From one model of a chain to the next."""

    threshold: float = Field(ge=0, description="a confidence of this or more ends the chain")
    escalated: float = Field(ge=0, le=1, description="share expected to go on, of all texts")
