"""What labelling by an endpoint will cost, estimated before anything is asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.runtime.model import Input
from training.label.endpoint.scorer import RemoteScorer
from training.label.prompt import Message

CHARACTERS = 4  # of a token, in English; the endpoint's own tokenizer is not known here
OF_TURN = 4  # tokens that a turn of a chat has beside its text


@dataclass(frozen=True)
class Price:
    """Of a million tokens, in whatever currency."""

    read: float
    written: float


@dataclass(frozen=True)
class Cost:
    """An estimate.

    Attributes:
        requests: that will be sent, retries not counted.
        read: tokens of prompts.
        written: tokens of answers, at most.
        money: None: no price is given.
    """

    requests: int
    read: int
    written: int
    money: float | None

    def line(self) -> str:
        """For a user."""
        money = "" if self.money is None else f", about {self.money:,.2f} at the prices given"
        if self.money is None:
            money = " (give --price-read and --price-written for what that costs)"
        return (
            f"{self.requests:,} requests, about {self.read:,} tokens to read and at most "
            f"{self.written:,} to write{money}"
        )


def estimated(scorer: RemoteScorer, texts: Sequence[Input], price: Price | None) -> Cost:
    """The cost of labelling texts, none of which is kept.

    Args:
        price: None: it is not known.
    """
    requests = len(texts) * scorer.requests
    read = sum(_tokens(scorer.asked(text)) for text in texts) * scorer.requests
    written = requests * scorer.tokens
    money = None if price is None else (read * price.read + written * price.written) / 1e6
    return Cost(requests, read, written, money)


def _tokens(asked: str | list[Message]) -> int:
    if isinstance(asked, str):
        return -(-len(asked) // CHARACTERS)
    return sum(-(-len(turn["content"]) // CHARACTERS) + OF_TURN for turn in asked)
