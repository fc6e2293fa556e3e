"""What has scores on the texts to measure on: a model, or a file of soft labels."""

from pydantic import BaseModel, ConfigDict

from service.repository.sections import Metrics


class Result(BaseModel):
    """Base of all parts of a report: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Scored(Result):
    """Whatever labels the texts."""

    metrics: Metrics

    @property
    def quality(self) -> float:
        """The share or correlation that it is judged by; see `Measured.quality_name`."""
        value = self.metrics.accuracy
        return float(value if value is not None else self.metrics.pearson or 0.0)

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of `quality`; its own two ends where none is known."""
        low, high = self.metrics.accuracy_low, self.metrics.accuracy_high
        known = low is not None and high is not None
        return (low or 0.0, high or 0.0) if known else (self.quality, self.quality)


class Labels(Scored):
    """What a file of soft labels says of the texts of `measure`: a teacher without a model."""

    @property
    def title(self) -> str:
        """What tables and plots call it."""
        return "the soft labels"

    @property
    def comparison(self) -> None:
        """With itself."""
        return
