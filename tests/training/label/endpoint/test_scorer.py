"""An endpoint as a teacher: real HTTP to a server that fails in every way."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import numpy as np
import pytest

from tests.training.label.endpoint.server import KEY, Endpoint, Fault, serving
from training.errors import DataError, EndpointError
from training.label.endpoint.client import TRIES, Api, Client, Pace
from training.label.endpoint.cost import Price, estimated
from training.label.endpoint.scorer import RemoteScorer
from training.label.labelling import kept_scores, unscored
from training.label.prompt import DEFAULT, Prompt, Shot

LABELS = ("negative", "positive")
TEXTS = ["a warm film", "a cold film", "a superb plot", "a dull plot"]
BUSY = json.dumps({"error": {"message": f"{KEY} a warm film", "code": "slow_down"}}).encode()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A server that answers well unless it is told otherwise."""
    with serving() as found:
        yield found


def scorer_of(
    endpoint: Endpoint,
    waits: list[float] | None = None,
    *,
    api: Api = "chat",
    samples: int = 0,
    words: tuple[str, str] = LABELS,
    jobs: int = 1,
) -> RemoteScorer:
    """Asks `endpoint`; what it would wait is put into `waits`."""
    slept = [] if waits is None else waits
    pace = Pace(None, sleep=lambda _: None)
    client = Client(endpoint.url, "m", KEY, api=api, pace=pace, sleep=slept.append, timeout=20)
    return RemoteScorer(client, Prompt(DEFAULT, LABELS, words), samples=samples, jobs=jobs)


@pytest.mark.parametrize("api", ["chat", "completions"])
def test_labels_are_what_the_tokens_say(endpoint: Endpoint, api: Api) -> None:
    """Tokens of the same word count together, whatever their case and blanks."""
    shares = np.exp(scorer_of(endpoint, api=api, jobs=3).scores(TEXTS))
    assert np.abs(shares[:2] - [[0.095, 0.855], [0.855, 0.095]]).max() < 1e-3
    assert (shares.argmax(axis=1) == [1, 0, 1, 0]).all()
    assert endpoint.keys == {f"Bearer {KEY}"}


def test_what_passes_is_tried_again(endpoint: Endpoint) -> None:
    """429 and 500, a connection that breaks off, an answer that is no whole JSON."""
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=50), usegmt=True)
    endpoint.faults = [
        Fault(429, {"Retry-After": "7"}, BUSY),
        Fault(503, {"Retry-After": later}, BUSY),
        Fault(500, body=BUSY),
        Fault(cut=True),
        Fault(body=b'{"choices": [{"mess'),
        Fault(body=b'{"choices": []}'),
    ]
    waits: list[float] = []
    (scores,) = scorer_of(endpoint, waits).scores(TEXTS[:1])
    assert scores.argmax() == 1
    assert len(endpoint.seen) == 7
    assert waits[0] == 7
    assert 30 < waits[1] <= 50
    assert all(0 < wait < 20 for wait in waits[2:])


def test_it_gives_up_without_the_text_or_the_key(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """What an endpoint says of a failure quotes both."""
    endpoint.faults = [Fault(500, body=BUSY)] * TRIES
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(EndpointError, match=r"failed 8 times.*status 500") as caught,
    ):
        scorer_of(endpoint).scores(TEXTS[:1])
    told = f"{caught.value} {caught.value.__cause__} {caplog.text}"
    assert KEY not in told
    assert "warm" not in told


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (401, "invalid_api_key", "OPENAI_API_KEY"),
        (404, "model_not_found", "no model 'm'"),
        (400, "unsupported", "--samples"),
        (429, "insufficient_quota", "quota is used up"),
    ],
)
def test_what_does_not_pass_is_refused_at_once(
    endpoint: Endpoint, status: int, code: str, said: str
) -> None:
    """With what to do, and nothing of what was sent."""
    body = json.dumps({"error": {"message": f"{KEY} a warm film", "code": code}}).encode()
    endpoint.faults = [Fault(status, body=body)] * TRIES
    with pytest.raises(EndpointError, match=said) as caught:
        scorer_of(endpoint).scores(TEXTS[:1])
    assert len(endpoint.seen) == 1
    assert KEY not in str(caught.value)
    assert "warm" not in str(caught.value)


def test_a_wait_that_is_too_long_is_told(endpoint: Endpoint) -> None:
    """A command does not hang for an hour."""
    endpoint.faults = [Fault(429, {"Retry-After": "3600"}, BUSY)]
    with pytest.raises(EndpointError, match="wait 3600 s"):
        scorer_of(endpoint).scores(TEXTS[:1])


def test_a_run_that_broke_off_goes_on(
    endpoint: Endpoint, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was labelled is not asked for again."""
    monkeypatch.setattr("training.label.labelling.CHUNK", 2)
    refused = Fault(401, body=BUSY)
    endpoint.faults = [Fault(), Fault(), Fault(), refused]
    with pytest.raises(EndpointError):
        kept_scores(scorer_of(endpoint), TEXTS)
    assert cache.is_dir()
    assert len(unscored(scorer_of(endpoint), TEXTS)) == 2
    seen = len(endpoint.seen)
    scores = kept_scores(scorer_of(endpoint), TEXTS)
    assert len(endpoint.seen) == seen + 2
    assert (scores.argmax(axis=1) == [1, 0, 1, 0]).all()


def test_without_log_probabilities_answers_are_counted_or_refused(endpoint: Endpoint) -> None:
    """Each draw has a seed of its own; no label is impossible."""
    endpoint.logprobs = False
    with pytest.raises(EndpointError, match="--samples 10"):
        scorer_of(endpoint).scores(TEXTS[:1])
    endpoint.says = lambda _, draw: {"Positive." if draw % 4 else "negative": 1.0}
    endpoint.seen.clear()
    (row,) = np.exp(scorer_of(endpoint, samples=8).scores(TEXTS[:1]))
    assert np.abs(row - [2.5 / 9, 6.5 / 9]).max() < 1e-6
    assert [asked["seed"] for asked in endpoint.seen] == list(range(1, 9))
    assert not any("logprobs" in asked for asked in endpoint.seen)


def test_a_token_of_two_words_is_refused(endpoint: Endpoint) -> None:
    """As at the origin: labels that begin alike are one to whoever looks at a first token."""
    endpoint.says = lambda *_: {"card": 0.9, "cash": 0.1}
    with pytest.raises(EndpointError, match="begins 'card lost' and 'card found'"):
        scorer_of(endpoint, words=("card lost", "card found")).scores(TEXTS[:1])
    with pytest.raises(DataError, match="another label"):
        scorer_of(endpoint, words=("Good", "good "))
    with pytest.raises(DataError, match="'card' begins 'card lost' as well"):
        scorer_of(endpoint, words=("card lost", "Card"))


def test_a_word_is_counted_where_it_ends(endpoint: Endpoint) -> None:
    """No "none of them" is a "no"; a script without blanks ends a word nowhere."""
    answers = ["None of them", "Not sure", "yes", "No!"]
    endpoint.says = lambda _, draw: {answers[draw - 1]: 1.0}
    (row,) = np.exp(scorer_of(endpoint, samples=4, words=("no", "yes")).scores(TEXTS[:1]))
    assert row == pytest.approx([0.5, 0.5])
    endpoint.says = lambda *_: {"\u80af\u5b9a\u7684": 1.0}
    (row,) = np.exp(scorer_of(endpoint, samples=1, words=("x", "\u80af\u5b9a")).scores(TEXTS[:1]))
    assert row == pytest.approx([0.25, 0.75])


def test_a_text_that_is_refused_is_told_from_all(endpoint: Endpoint) -> None:
    """Where others were answered, it is the text: how long it is, and nothing of it."""
    body = json.dumps({"error": {"message": "too long", "code": "context_length"}}).encode()
    endpoint.faults = [Fault(), Fault(400, body=body)]
    with pytest.raises(EndpointError, match=r"answered 1 others.*of 11 characters") as caught:
        scorer_of(endpoint).scores(TEXTS)
    assert "cold" not in str(caught.value)


def test_answers_that_are_no_labels_are_refused(endpoint: Endpoint) -> None:
    """Soft labels of what was never said would teach nothing."""
    endpoint.says = lambda *_: {"Sure": 0.95, "positive": 0.05}
    with pytest.raises(EndpointError, match="none of the words"):
        scorer_of(endpoint).scores([f"film {n}" for n in range(40)])
    assert len(endpoint.seen) < 40


def test_a_pace_is_kept() -> None:
    """So many a minute, and nobody before the endpoint's own time."""
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(30, clock=lambda: now[0], sleep=sleep)
    for _ in range(4):
        pace.wait()
    assert slept == [2.0, 2.0, 2.0]
    pace.hold(10)
    pace.wait()
    assert slept[-1] == 10.0


def test_the_cost_is_known_before(endpoint: Endpoint) -> None:
    """Characters make tokens, tokens money; examples are read with each text."""
    price = Price(2.0, 8.0)
    short = estimated(scorer_of(endpoint), TEXTS, price)
    assert short.requests == 4
    assert short.written == 4
    assert short.money == pytest.approx((short.read * 2 + 4 * 8) / 1e6)
    assert "about 0.00 at the prices" in short.line()
    assert "--price-read" in estimated(scorer_of(endpoint), TEXTS, None).line()
    client = Client(endpoint.url, "m", None)
    shots = (Shot("a long film " * 20, "positive"),)
    long = estimated(RemoteScorer(client, Prompt(DEFAULT, LABELS, LABELS, shots)), TEXTS, price)
    assert long.read > short.read + 4 * 50
    assert estimated(scorer_of(endpoint, samples=5), TEXTS, price).requests == 20
    assert estimated(scorer_of(endpoint, samples=1), TEXTS, price).written == 64
    assert not endpoint.seen
