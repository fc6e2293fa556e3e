"""Mutations break requests in every way, and what is whole is known for it."""

import json
import random

import pytest

from benchmarks.reliability.service import wire
from benchmarks.reliability.shots import catalogue, mutate

POST = wire.request("POST", "/predict", b'{"inputs":"a"}')


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (POST, True),
        (wire.request("GET", "/livez"), True),
        (POST + b"x", False),  # the begin of another
        (POST[:-1], False),  # half a body
        (POST[:30], False),  # half a head
        (b"GET / HTTP/1.1\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET /\r\n\r\n", False),
        (POST.replace(b"Content-Length: 14", b"Content-Length: 99"), False),
        (POST.replace(b"Content-Length: 14", b"Content-Length: +14"), False),
        (POST.replace(b"Content-Length: 14", b"Content-Length : 14"), False),
        (POST.replace(b"Content-Length: 14", b"Content-Length: 14\r\ncontent-length: 14"), False),
        (POST.replace(b"Content-Length", b"Transfer-Encoding: chunked\r\nContent-Length"), False),
        (POST.replace(b"Host", b"Upgrade: h2c\r\nHost"), False),
        (POST.replace(b"Host", b"Expect: 100-continue\r\nHost"), False),
        (POST.replace(b"Host", b"A: b\n\nHost"), False),
        (b"\x00" * 40, False),
    ],
)
def test_what_is_one_whole_request(request_: bytes, expected: bool) -> None:
    """Only then must an answer come, and may the connection be used again."""
    assert mutate.is_one(request_) is expected


def test_all_that_is_valid_is_whole() -> None:
    """What is broken was good before."""
    assert all(map(mutate.is_one, catalogue.requests()))


def test_the_body_gets_its_length() -> None:
    """And it alone changes."""
    made = mutate.with_body(POST, b"{}")
    assert made == POST.replace(b"Content-Length: 14\r\n", b"").replace(
        b'json\r\n\r\n{"inputs":"a"}', b"json\r\nContent-Length: 2\r\n\r\n{}"
    )
    assert mutate.is_one(made)


@pytest.mark.parametrize("mutation", dict.fromkeys(mutate.MUTATIONS))
def test_every_mutation_breaks_something(mutation: mutate.Mutation) -> None:
    """Most of the time, never with an error of its own, and the same for the same chance."""
    found = []
    for seed in range(300):
        chance = random.Random(seed)
        valid = chance.choice(catalogue.requests())
        broken = mutation(valid, random.Random(seed))
        assert broken == mutation(valid, random.Random(seed))
        found.append(broken != valid)
    assert sum(found) > 100


def test_broken_json_reaches_the_service() -> None:
    """It is sent with its right length, and most of it is JSON still."""
    chance = random.Random(1)
    made = [mutate.break_json(POST, chance) for _ in range(300)]
    assert all(map(mutate.is_one, made))
    parsed = 0
    for one in made:
        try:
            json.loads(one.partition(b"\r\n\r\n")[2])
        except ValueError:
            continue
        parsed += 1
    assert 150 < parsed < 300


def test_shots_differ() -> None:
    """Of a thousand most are not like any other."""
    chance = random.Random(0)
    valid = catalogue.requests()
    made = {mutate.mutated(valid, chance) for _ in range(1000)}
    assert len(made) > 900
    assert 300 < sum(map(mutate.is_one, made)) < len(made)
