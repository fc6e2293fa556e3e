"""The shapes that a request takes on its way: what was asked, and what came of it."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from service.repository.manifest import Manifest
from service.repository.sections import Windows
from service.runtime.model import Input, Output


class Ask(NamedTuple):
    """A prediction request of any dialect.

    Attributes:
        inputs: texts, or pairs of them, in the order of the request.
        model: a model, `name@version`, an alias or a cascade; None: the default.
        truncate: cut what is too long; False refuses it.
        deadline: on the clock of `time.monotonic`.
        windows: how what is too long is read; None: as the model's manifest says; False: cut.
        prompt_name: of what an embedder puts before each text; None: as its manifest says.
    """

    inputs: Sequence[Input]
    model: str | None
    truncate: bool
    deadline: float
    windows: Windows | Literal[False] | None = None
    prompt_name: str | None = None


class Hop:
    """One model of a request's plan, and when it did what, on the clock of `time.monotonic`.

    Attributes:
        texts: how many it was asked.
        admitted: when they were let in; each later time is 0 if it was not reached.
        encoded: when all were encoded.
        started: when its first batch began.
        ended: when its last batch was done.
        recalled: how many of the texts it had answered before, and was not asked again.
    """

    __slots__ = ("admitted", "encoded", "ended", "model", "recalled", "started", "texts", "version")

    def __init__(self, model: str, version: int, texts: int, admitted: float) -> None:
        self.model = model
        self.version = version
        self.texts = texts
        self.admitted = admitted
        self.encoded = self.started = self.ended = 0.0
        self.recalled = 0


class Answer(NamedTuple):
    """What a model said of one text, and which model.

    Attributes:
        manifest: of the version that answered.
        tokens: that the model read, special ones included.
        truncated: the text had more tokens than were read.
        windows: in how many it was read.
        escalated: a cheaper model was asked first, and was unsure.
        degraded: the model was unsure, and the next would have been late; None: no route that was
            asked gives such answers.
    """

    output: Output
    manifest: Manifest
    tokens: int
    truncated: bool
    escalated: bool
    windows: int = 1
    degraded: bool | None = None

    @property
    def said(self) -> tuple[str, ...]:
        """The labels that it gives; perhaps none."""
        return self.output.said(self.manifest.labels)


class Outcome(NamedTuple):
    """The answers to a request, in the order of its texts.

    Attributes:
        named: what was asked for, or the default that took its place.
        route: the known name under which it is counted.
        hops: in the order in which the models were asked.
    """

    named: str
    route: str
    answers: list[Answer]
    hops: list[Hop]


class Stages(NamedTuple):
    """Seconds by stage; of a cascade, the sum over its hops."""

    tokenize: float
    queue: float
    inference: float

    @classmethod
    def of(cls, hops: Sequence[Hop]) -> "Stages":
        """Of all hops that got so far."""
        tokenize = queue = inference = 0.0
        for hop in hops:
            if hop.encoded:
                tokenize += hop.encoded - hop.admitted
            if hop.started:
                queue += hop.started - hop.encoded
            if hop.ended:
                inference += hop.ended - hop.started
        return cls(tokenize, queue, inference)
