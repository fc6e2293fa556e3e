"""However long a body is, no more is read before admission than may be asked.

Counted and not timed: the Python and C functions that a body has called before it is refused.
"""

import json
import sys
from collections.abc import Callable
from types import FrameType, SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import BaseModel, ValidationError

from service.api.dialects.hf_schemas import HfRequest
from service.api.dialects.oip.infer import Infer
from service.api.dialects.oip.request import read_request
from service.api.dialects.openai_schemas import EmbeddingsRequest
from service.api.dialects.protocol import Head
from service.api.dialects.tei.schemas import TeiEmbedRequest, TeiRequest, TeiRerankRequest
from service.api.edge.bodies import parse_json
from service.api.schemas import PredictRequest
from service.errors import InvalidInput
from service.setting_values import MOST_TEXTS
from service.settings import Settings

BYTES = 1 << 17  # of a body: more items than any setting allows
MOST = 128
LISTS = ['"a"', "[]", '["a"]', '[["a","b"]]', "1", "[1]", '{"text":"a"}']


def calls_until_refused(read: Callable[[], object]) -> int:
    """How many functions `read` calls until it refuses what it reads."""
    found = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal found
        found += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        read()
    except (InvalidInput, ValidationError):
        return found
    finally:
        sys.setprofile(None)
    raise AssertionError("it was read")


def filled(before: str, item: str, after: str) -> bytes:
    """So many bytes of JSON."""
    count = (BYTES - len(before) - len(after)) // (len(item) + 1)
    return f"{before}{','.join([item] * count)}{after}".encode()


@pytest.mark.parametrize("item", LISTS)
@pytest.mark.parametrize(
    ("schema", "before"),
    [
        (PredictRequest, '{"inputs":['),
        (HfRequest, '{"inputs":['),
        (TeiRequest, '{"inputs":['),
        (TeiEmbedRequest, '{"inputs":['),
        (TeiRerankRequest, '{"query":"a","texts":['),
        (EmbeddingsRequest, '{"input":['),
    ],
)
def test_lists(schema: type[BaseModel], before: str, item: str) -> None:
    """A list that is longer than any setting allows is refused where the schema parses it."""
    body = filled(before, item, "]}")
    assert calls_until_refused(lambda: parse_json(schema, body)) < 3 * MOST_TEXTS


@pytest.mark.parametrize("item", LISTS)
@pytest.mark.parametrize("shape", ["[1]", "[1,1]"])
def test_data(item: str, shape: str) -> None:
    """As a list of another dialect."""
    before = f'{{"inputs":[{{"name":"text","shape":{shape},"datatype":"BYTES","data":['
    body = filled(before, item, "]}]}")
    assert calls_until_refused(lambda: read_request(body, None, MOST)) < 3 * MOST_TEXTS


@pytest.mark.parametrize("count", [1, MOST, MOST + 1, 250_000])
def test_binary(count: int) -> None:
    """No more elements are decoded than the shape says, nor any where it says too many."""
    tensor: dict[str, Any] = {"name": "text", "shape": [count], "datatype": "BYTES"}
    tensor["parameters"] = {"binary_data_size": 1_000_000}
    head = json.dumps({"inputs": [tensor]}).encode()
    body, length = head + b"\0" * 1_000_000, b"%d" % len(head)
    assert calls_until_refused(lambda: read_request(body, length, MOST)) < 20 * MOST


def test_infer_gives_the_setting() -> None:
    """What `max_texts` allows is read, and no more."""
    settings = Settings(max_texts=1)
    infer = Infer(cast(Any, SimpleNamespace(settings=settings)))
    tensor = {"name": "text", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]}
    with pytest.raises(InvalidInput, match="2 texts; at most 1 in a request"):
        infer.parse(Head({"name": "x"}, {}, {}, 0.0), json.dumps({"inputs": [tensor]}).encode())
