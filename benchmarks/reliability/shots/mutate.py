"""Breaks valid requests: in their bytes, in their JSON, and in their lines and headers."""

import copy
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.reliability.shots import catalogue

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**40, 1e308, -1e-320, 0.5),
    *("", " ", "\x00", "\x01", "\ud800", "\udfff\ud800", "a" * 5000, "é" * 300, "😀" * 100),
    *("null", "student", "auto@9", "../../etc/passwd", "nano@-1", "\r\nX: y"),
    *([], {}, [[]], [None], [""], ["a"] * 200, {"a": {"a": {}}}, [[["a"]]]),
)
ODD_TOKENS = (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"[" * 200, b'{"a":' * 200, b'"\\ud800"')
ODD_BYTES = (
    b"\x00",
    b"\xff",
    b"\xc3\x28",
    b"\r\n",
    b"\r\n\r\n",
    b"%00",
    b"\x80\x80",
    b"\xef\xbb\xbf",
)
ODD_HEADERS: tuple[bytes, ...] = (
    *(b"Content-Length: 0", b"Content-Length: -1", b"Content-Length: 99999999999"),
    *(b"Content-Length: 5", b"Content-Length: 1e3", b"Transfer-Encoding: chunked"),
    *(b"Transfer-Encoding: gzip", b"Content-Encoding: gzip", b"Content-Encoding: deflate"),
    *(b"Content-Encoding: br", b"Accept-Encoding: gzip", b"Accept-Encoding: deflate;q=x"),
    *(b"Content-Type: text/plain", b"Content-Type: multipart/form-data", b"Content-Type:"),
    *(b"Content-Type: application/json; charset=utf-16", b"Accept: application/xml"),
    *(b"Expect: 100-continue", b"Connection: close", b"Connection: upgrade", b"Upgrade: h2c"),
    *(b"Upgrade: websocket", b"X-Request-Timeout-Ms: 0", b"X-Request-Timeout-Ms: -5"),
    *(b"X-Request-Timeout-Ms: 1", b"X-Request-Timeout-Ms: NaN", b"X-Request-Timeout-Ms: 1e400"),
    *(b"X-Request-Id: " + b"i" * 4000, b"X-Request-Id: \xff\xfe", b"X-Request-Id:"),
    *(b"Authorization: Bearer \xff", b"Authorization: Basic !!", b"Authorization: Bearer wrong"),
    *(b"traceparent: 00-zz", b"traceparent: 00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01"),
    *(b"Inference-Header-Content-Length: 7", b"Inference-Header-Content-Length: -1"),
    *(b"Inference-Header-Content-Length: 0", b"Inference-Header-Content-Length: x"),
    *(b"Host: ", b"Host: a b", b"Cookie: " + b"c" * 20_000, b"No colon", b": nameless", b" folded"),
    *(b"Origin: null", b"Range: bytes=0-", b"If-None-Match: *", b"Forwarded: for=_"),
)
METHODS = (
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"PATCH",
    b"TRACE",
    b"get",
    b"X",
)

Mutation = Callable[[bytes, random.Random], bytes]


def mutated(valid: Sequence[bytes], chance: random.Random) -> bytes:
    """One of the valid requests, broken once or a few times."""
    given = found = chance.choice(valid)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        found = chance.choice(MUTATIONS)(found, chance)
    # Not every mutation finds something to break.
    return chance.choice(ANYWHERE)(found, chance) if found == given else found


def is_one(request: bytes) -> bool:
    """Whether a request is certainly whole and just one, so that its connection can be kept.

    Of one that is not, a service may rightly wait for more, or see two.
    """
    head, split, body = request.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    words = first.split(b" ")
    if (
        not split
        or len(words) != 3
        or words[2] != b"HTTP/1.1"
        or b"\n" in head.replace(b"\r\n", b"")
    ):
        return False
    names = [line.partition(b":")[0].strip().lower() for line in lines]
    if {b"transfer-encoding", b"upgrade", b"expect"} & set(names) or words[0] == b"CONNECT":
        return False
    lengths = [line.partition(b":")[2].strip() for line in lines if _is_length(line)]
    if len(lengths) != names.count(b"content-length") or len(lengths) > 1:
        return False
    return (lengths == [b"%d" % len(body)]) if lengths else not body


def _is_length(line: bytes) -> bool:
    return line.lower().startswith(b"content-length:")


def with_body(request: bytes, body: bytes) -> bytes:
    """The same request with another body, and its length put right."""
    head = request.partition(b"\r\n\r\n")[0]
    lines = [line for line in head.split(b"\r\n") if not _is_length(line)]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body)]) + b"\r\n\r\n" + body


def break_bytes(request: bytes, chance: random.Random) -> bytes:
    """Anywhere, the head too."""
    at = chance.randrange(len(request) + 1)
    end = min(len(request), at + chance.randint(1, 16))
    odd = chance.choice((*ODD_BYTES, chance.randbytes(4)))
    return chance.choice(
        (
            request[:at] + odd + request[at:],
            request[:at] + odd + request[end:],
            request[:at] + request[end:],
            request[:at] + request[at:end] * 3 + request[end:],
            request[:at],
        )
    )


def break_body(request: bytes, chance: random.Random) -> bytes:
    """The bytes of the body alone, with its length right."""
    body = request.partition(b"\r\n\r\n")[2]
    return with_body(request, break_bytes(body, chance)) if body else request


def break_json(request: bytes, chance: random.Random) -> bytes:
    """One value, key or token of a body that is JSON."""
    try:
        found = json.loads(request.partition(b"\r\n\r\n")[2])
    except ValueError:
        return request
    root = [copy.deepcopy(found)]
    holder, key = chance.choice(list(_places(root)))
    way = chance.randrange(6)
    if way == 0 and isinstance(holder, dict):
        holder[chance.choice(("", "x" * 300, "extra", "\u0000", "Inputs"))] = holder.pop(key)
    elif way == 1 and isinstance(holder, dict):
        del holder[key]
    elif way == 2:
        for _ in range(chance.choice((10, 100))):
            holder[key] = [holder[key]]
    elif way == 3 and isinstance(holder, dict):
        holder[chance.choice(("unknown", "model", "parameters"))] = chance.choice(ODD_VALUES)
    elif way == 4:
        mark = "odd token here"
        holder[key] = mark
        text = json.dumps(root[0]).encode()
        return with_body(
            request, text.replace(b'"' + mark.encode() + b'"', chance.choice(ODD_TOKENS))
        )
    else:
        holder[key] = chance.choice(ODD_VALUES)
    changed = json.dumps(root[0], ensure_ascii=chance.random() < 0.5)
    return with_body(request, changed.encode("utf-8", "surrogatepass"))


def _places(holder: Any) -> Any:
    pairs = holder.items() if isinstance(holder, dict) else enumerate(holder)
    for key, value in list(pairs):
        yield holder, key
        if isinstance(value, dict | list):
            yield from _places(value)


def break_head(request: bytes, chance: random.Random) -> bytes:
    """A header too many, one too few, or twice the same."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    at = chance.randrange(len(lines) + 1)
    way = chance.randrange(4)
    if way == 0 and lines:
        del lines[min(at, len(lines) - 1)]
    elif way == 1 and lines:
        lines += [chance.choice(lines)] * chance.choice((1, 150))
    else:
        lines.insert(at, chance.choice(ODD_HEADERS))
    return b"\r\n".join([first, *lines]) + b"\r\n\r\n" + body


def break_line(request: bytes, chance: random.Random) -> bytes:
    """The method, the path or the version."""
    first, _, rest = request.partition(b"\r\n")
    method, path, version = (*first.split(b" "), b"", b"")[:3]
    way = chance.randrange(5)
    if way == 0:
        method = chance.choice(METHODS)
    elif way == 1:
        path = chance.choice(catalogue.PATHS).encode()
    elif way == 2:
        version = chance.choice((b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.1x", b"", b"http/1.1"))
    elif way == 3:
        path += chance.choice((b"/", b"?model=", b"?model=x&model=y", b"?", b"#a", b"%", b"/../x"))
    else:
        odd = (b"%2e%2e", b"%00", b"%ff", b"\xff", b"nobody", b"a" * 9000, b"@9", b"%F0%9F%98%80")
        parts = path.split(b"/")
        parts[chance.randrange(len(parts))] = chance.choice(odd)
        path = b"/".join(parts)
    return b" ".join((method, path, version)) + b"\r\n" + rest


ANYWHERE: tuple[Mutation, ...] = (break_bytes, break_head, break_line)
MUTATIONS: tuple[Mutation, ...] = (
    break_bytes,
    break_body,
    *(break_json,) * 4,
    break_head,
    break_line,
)
