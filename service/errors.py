"""What can go wrong, in terms of the core; `api/problems.py` maps these to HTTP.

StillhouseError
|-- InvalidInput            the request cannot be used as it is
|   |-- EmptyInput          there is no text
|   |-- TextTooLong         more tokens than the model reads, and truncate is false
|   `-- WrongTask           the model does something else than what it is asked
|-- BodyTooLarge            more bytes than are accepted
|-- BodyTooSlow             the body did not arrive in time
|-- UnreadableEncoding      the body is compressed in a way that is not read
|-- Unauthorised            a key is missing or wrong
|-- UnknownModel            no such model, version or route
|-- Overloaded              a queue is full, or the deadline would be missed
|-- Unavailable             draining, or nothing is loaded
|-- DeadlineExceeded        the answer would come too late; the work is not done
|-- ClientGone              nobody waits for the answer any more
|-- InferenceFailed         the model raised
`-- RepositoryError         a model on disk cannot be served
    |-- ManifestError       its manifest is missing, unreadable or of another schema
    |-- FileError           a file is missing or not the one that was published
    `-- StoreError          the store behind a URL is away, or refuses
"""


class StillhouseError(Exception):
    """Base of all; `str(error)` is fit to show to a client."""


class InvalidInput(StillhouseError):
    """The request cannot be used as it is."""


class EmptyInput(InvalidInput):
    """There is no text, or only white space."""


class TextTooLong(InvalidInput):
    """A text has more tokens than the model reads, and truncation was refused."""


class WrongTask(InvalidInput):
    """The model does something else than what it is asked: it gives no scores, say."""


class BodyTooLarge(StillhouseError):
    """The body has more bytes than the service accepts."""


class BodyTooSlow(StillhouseError):
    """The body did not arrive in the time that the service waits for one."""


class UnreadableEncoding(StillhouseError):
    """The body's Content-Encoding is none that the service reads."""


class Unauthorised(StillhouseError):
    """A key is missing or wrong."""


class UnknownModel(StillhouseError):
    """No model, version or route of that name; the message lists those there are."""


class Overloaded(StillhouseError):
    """Taking the request would make it, or others, late.

    Args:
        message: what is full.
        retry_after: seconds after which trying again makes sense.
    """

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(StillhouseError):
    """Nothing can answer now: draining, or the model is not loaded.

    Args:
        message: what is missing.
        retry_after: seconds after which trying again makes sense.
    """

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DeadlineExceeded(StillhouseError):
    """The request's time was over before it was answered."""


class ClientGone(StillhouseError):
    """Nobody waits for the answer any more."""


class InferenceFailed(StillhouseError):
    """The model raised; the cause is in the log, not in the message."""


class RepositoryError(StillhouseError):
    """A model on disk cannot be served; the message names the model and the cause."""


class ManifestError(RepositoryError):
    """The manifest is missing, unreadable or of another schema."""


class FileError(RepositoryError):
    """A file of the model is missing or differs from the manifest."""


class StoreError(RepositoryError):
    """The store that a repository lies in cannot be reached, or refuses."""
