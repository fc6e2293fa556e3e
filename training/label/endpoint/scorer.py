"""The labels of texts as a remote model answers them, by its tokens' probabilities or by counts.

An endpoint gives the likeliest first tokens of an answer. A token speaks for the label whose word
it begins; where it begins the words of several labels it tells them apart no more than a coin
does, and that is refused, as are words that begin others. Without log-probabilities, answers are
drawn and counted.
"""

import hashlib
import json
import threading
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from tqdm.auto import tqdm

from service.runtime.model import Input
from training.errors import DataError, EndpointError
from training.label.endpoint.client import Client, RequestRefused, Said
from training.label.prompt import Message, Prompt, as_input
from training.label.scorer import CONTENT_FREE
from training.teach.teachers.store import Logits

DOUBT = 0.02  # probability on tokens that begin the words of several labels, from which it counts
UNHEARD = 0.5  # probability of all labels together, under which an answer is none
MOST_UNHEARD = 0.2  # share of texts whose answers are none, from which the prompt is wrong
FLOOR = 1e-4  # the probability of a label that is not among the likeliest, or was never drawn
SURELY_WRONG = 20  # texts from which that share is looked at
TOKENS_OF_WORD = 16  # the most of an answer that is drawn


class RemoteScorer:
    """Scores the labels of texts by an endpoint.

    Args:
        samples: answers that are drawn and counted; 0: log-probabilities are asked for.
        jobs: requests at a time.
    """

    def __init__(self, client: Client, prompt: Prompt, *, samples: int = 0, jobs: int = 4) -> None:
        self._client, self._prompt = client, prompt
        self._samples, self._jobs = samples, jobs
        self._words = [plain_word(word) for word in prompt.words]
        self._lock = threading.Lock()
        self._asked = self._unheard = 0
        for place, word in enumerate(self._words):
            if not word or word in self._words[:place]:
                raise DataError(
                    f"the word {prompt.words[place]!r} of {prompt.labels[place]!r} is that of "
                    "another label: give it another by --word"
                )
            if not samples:
                self._refuse_beginning(word)

    def _refuse_beginning(self, word: str) -> None:
        for place, other in enumerate(self._words):
            if other != word and other.startswith(word):
                raise DataError(
                    f"{word!r} begins {self._prompt.words[place]!r} as well, and an endpoint tells "
                    "of one token alone: give the labels words that begin otherwise, by --word, or "
                    "pass --samples 10, which counts whole answers"
                )

    @property
    def name(self) -> str:
        """The model, as the endpoint calls it."""
        return self._client.model

    @property
    def lengths(self) -> list[int]:
        """Of tokens nothing is known; each word counts as one."""
        return [1] * len(self._words)

    @property
    def fingerprint(self) -> str:
        """Hash of who is asked what, and how."""
        client = self._client
        parts = [client.url, client.model, client.api, self._prompt.fingerprinted, self._samples]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def requests(self) -> int:
        """That a text takes."""
        return self._samples or 1

    @property
    def tokens(self) -> int:
        """The most of an answer."""
        return TOKENS_OF_WORD if self._samples else 1

    def asked(self, text: Input) -> str | list[Message]:
        """What is sent for a text."""
        if self._client.api == "chat":
            return self._prompt.turns(text)
        return self._prompt.plain(text)

    def content_free(self) -> Logits:
        """See `training.label.labelling.LabelScorer`."""
        return self.scores([as_input(text, self._prompt) for text in CONTENT_FREE if text])

    def scores(self, texts: Sequence[Input], bar: "tqdm[None] | None" = None) -> Logits:
        """Log-probabilities of the labels, (texts, labels).

        Raises:
            EndpointError: it refuses or fails, gives no log-probabilities, or answers other than
                by the labels' words.
        """
        pool = ThreadPoolExecutor(self._jobs)
        try:
            found = []
            for row in pool.map(self._score, texts):
                found.append(row)
                if bar is not None:
                    bar.update(1)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return np.array(found, np.float32).reshape(len(found), len(self._words))

    def _score(self, text: Input) -> list[float]:
        try:
            heard, shares = self._heard(self.asked(text))
        except RequestRefused as error:
            if not self._asked:
                raise
            raise EndpointError(
                f"{error}. It has answered {self._asked} others just now, so that it may be this "
                f"text, of {len(text)} characters: leave it out or cut it; the same command goes on"
            ) from None
        self._judge(heard)
        return [float(one) for one in np.log(np.maximum(shares, FLOOR))]

    def _heard(self, asked: str | list[Message]) -> tuple[float, list[float]]:
        """The probability of all labels together, and of each."""
        if not self._samples:
            return self._weighed(self._client.ask(asked, tokens=self.tokens))
        draws = range(1, self._samples + 1)
        return self._counted(
            [self._client.ask(asked, tokens=self.tokens, sampled=n) for n in draws]
        )

    def _weighed(self, said: Said) -> tuple[float, list[float]]:
        """The probability of all labels together, and of each."""
        if said.top is None:
            raise EndpointError(
                f"{self._client.url} gives no log-probabilities with its answers: pass --samples "
                "10, which counts ten answers a text and costs as many requests, or take another "
                "endpoint"
            )
        shares = [0.0] * len(self._words)
        for token, log in said.top.items():
            piece = plain_word(token)
            if not piece:
                continue
            meant = self._begun_by(piece)
            weight = float(np.exp(log))
            if len(meant) == 1:
                shares[meant[0]] += weight
            elif len(meant) > 1 and weight >= DOUBT:
                names = " and ".join(repr(self._prompt.words[place]) for place in meant[:3])
                raise EndpointError(
                    f"the model answers with a token that begins {names}, and an endpoint does not "
                    "say which it means: give the labels words that begin otherwise, by --word"
                )
        return sum(shares), shares

    def _begun_by(self, piece: str) -> list[int]:
        """The labels whose word a token begins, or is with more behind it."""
        exact = [place for place, word in enumerate(self._words) if word == piece]
        return exact or [place for place, word in enumerate(self._words) if word.startswith(piece)]

    def _counted(self, said: Sequence[Said]) -> tuple[float, list[float]]:
        """The share of answers that are labels, and each label's, no label at 0 (Laplace 1814)."""
        counts = np.zeros(len(self._words))
        for one in said:
            text = plain_word(one.text)
            meant = [place for place, word in enumerate(self._words) if _is_said(word, text)]
            if meant:  # the longest: "not good" where "not" is a word as well
                counts[max(meant, key=lambda place: len(self._words[place]))] += 1
        smoothed = (counts + 1 / len(counts)) / (counts.sum() + 1)
        return float(counts.sum() / len(said)), [float(share) for share in smoothed]

    def _judge(self, heard: float) -> None:
        with self._lock:
            self._asked += 1
            self._unheard += heard < UNHEARD
            wrong = self._asked >= SURELY_WRONG and self._unheard > MOST_UNHEARD * self._asked
        if wrong:
            raise EndpointError(
                f"of {self._asked} answers {self._unheard} are none of the words "
                f"{list(self._prompt.words)}: say in the prompt that it shall answer with one of "
                "them and nothing else, or give other words by --word"
            )


def _is_said(word: str, answer: str) -> bool:
    """Whether an answer begins with a word, and not with one that goes on, as "none" after "no"."""
    after = answer[len(word) : len(word) + 1]
    wide = after and unicodedata.east_asian_width(after) in "WF"  # there no blank ends a word
    return answer.startswith(word) and bool(wide or not after.isalnum())


def plain_word(text: str) -> str:
    """A word or token for comparing: no case, no blanks and marks around it, nor a tokenizer's."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u2581", " ")
    return folded.replace("\u0120", " ").strip(" \t\r\n\"'`.,:;!*()[]")
