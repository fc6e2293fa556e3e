"""What export refuses to do."""


class ExportError(ValueError):
    """The checkpoint cannot be exported or published; the message says why."""


class GateError(ExportError):
    """The exported model lost more than is allowed; nothing was published."""
