"""What stops a comparison, or one contender's part in it.

PeersError                 stops the command; the message says what to do
├── ToolMissing            no wrk, no taskset, too few cores
├── EnvironmentMissing     a peer's environment is not there, or could not be made
└── WrongAnswer            a contender gave another label than the model has
VisitFailed                one contender's part of one round; it is recorded, the rest goes on
"""


class PeersError(Exception):
    """The comparison cannot go on."""


class ToolMissing(PeersError):
    """Something that the comparison needs is not on this machine."""


class EnvironmentMissing(PeersError):
    """A peer's environment is not there, or could not be made."""


class WrongAnswer(PeersError):
    """A contender gave another label than the model has."""


class VisitFailed(Exception):
    """A contender did not start, or died."""
