"""What export refuses to do, and what a refusal says.

ExportError       the checkpoint, the texts or the request cannot be used
    GateError     the exported model lost more than is allowed
"""

from dataclasses import dataclass


class ExportError(ValueError):
    """The checkpoint cannot be exported or published; the message says why."""


@dataclass(frozen=True)
class Finding:
    """One thing that is outside a gate.

    Attributes:
        what: and by how much.
        remedy: which option would publish, or that none would.
    """

    what: str
    remedy: str


@dataclass(frozen=True)
class Verdict:
    """What a gate says of a comparison.

    Attributes:
        findings: what is outside; none: it may be published.
        unseen: what the gate could not look at, a sentence each.
    """

    findings: tuple[Finding, ...]
    unseen: tuple[str, ...]

    def enforce(self, n: int) -> None:
        """Raises GateError, which says by how much, unless all is within the gate.

        Args:
            n: texts that were compared.
        """
        if self.findings:
            lost = "; ".join(finding.what for finding in self.findings)
            raise GateError(f"not published: {lost} (n {n})", self)


class GateError(ExportError):
    """The exported model lost more than is allowed; nothing was published."""

    def __init__(self, message: str, verdict: Verdict | None = None) -> None:
        super().__init__(message)
        self.verdict = verdict or Verdict((Finding(message, "no option publishes this"),), ())
