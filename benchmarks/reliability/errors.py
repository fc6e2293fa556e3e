"""What stops a benchmark of reliability.

ReliabilityError           stops the command; the message says what to do
├── ServiceFailed          the service did not start, or ended by itself
└── NoSuchTool             a program that a fault needs is not there: the fault is skipped
"""


class ReliabilityError(Exception):
    """The benchmark cannot go on."""


class ServiceFailed(ReliabilityError):
    """The service did not start, or ended by itself."""


class NoSuchTool(ReliabilityError):
    """A fault cannot be made on this machine."""
