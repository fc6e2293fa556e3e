"""The playground page over models of each task, in a real browser."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver import Chrome

from tests.service.api.browser import Page
from tests.service.builders import publish_tagger, publish_tiny
from tests.service.conftest import listening
from tests.service.embedders import SIZE, expected, publish_embedder

Open = Callable[[Path], AbstractContextManager[Page]]

MARKS = "[...document.querySelectorAll('mark')].map(({firstChild: one}) => one.textContent)"
LABELS = "[...document.querySelectorAll('mark .label')].map((one) => one.textContent)"
EXAMPLES = "[...document.querySelectorAll('#examples button')].map((one) => one.textContent)"


@pytest.fixture
def open_over(chrome: Chrome) -> Open:
    """Opens the page of a service over some models."""

    @contextmanager
    def opened(models: Path) -> Iterator[Page]:
        with listening(models=models, threads=1) as url:
            page = Page(chrome, url)
            page.open()
            yield page
            assert page.complaints() == []

    return opened


def test_a_tagger_marks_the_text(tmp_path: Path, open_over: Open) -> None:
    """Places are code points: an emoji before an entity, of two units to JavaScript, moves none."""
    publish_tagger(tmp_path)
    with open_over(tmp_path) as page:
        # Not typed: the driver has no keys beyond the first plane.
        page.run("document.querySelector('#text').value = '\U0001f6a2\U0001f6a2 x e\u0301 good'")
        page.one("#text").send_keys(" bad x film")
        page.until("document.querySelectorAll('mark').length > 1")
        assert page.run(MARKS) == ["good bad", "film"]
        assert page.run(LABELS) == ["PER", "LOC"]
        shown = "\U0001f6a2\U0001f6a2 x e\u0301 good badPER x filmLOC"
        assert page.said("[data-route=tagger] .marked") == shown
        page.until("document.querySelector('#announcement').textContent")
        assert page.said("#announcement") == "tagger: good bad (PER), film (LOC)."
        page.type("x")
        assert page.one("[data-route=tagger] .answer").text == "no entity"
        assert page.run("document.querySelector('#pair-field').hidden")
        assert "Ada Lovelace" in page.run(EXAMPLES)[0]


def test_models_of_pairs_have_a_second_box(tmp_path: Path, open_over: Open) -> None:
    """Each is asked once both texts are there; the other models read the first alone."""
    publish_tiny(tmp_path, "nli", pairs=True)
    publish_tiny(tmp_path, "ranker", pairs=True, labels=("relevance",), scores={"good": (1.0,)},
                 problem_type="regression")  # fmt: skip
    publish_tiny(tmp_path, "topics", labels=("a", "b"), scores={"good": (4.0, 0.0)})
    with open_over(tmp_path) as page:
        page.type("good")
        assert "type a second one" in page.card("nli")
        assert page.one("[data-route=topics] .answer").text == "a"
        page.type("bad", "#pair")
        assert page.one("[data-route=nli] .answer").text == "negative"
        assert page.one("[data-route=ranker] .answer").text == "1"
        assert page.one("[data-route=topics] .answer").text == "a"
        examples = page.run(EXAMPLES)
        assert not any("film" in one for one in examples)
        place = next(place for place, words in enumerate(examples) if " / " in words)
        page.one(f"#examples button:nth-child({place + 1})").click()
        page.until("document.querySelector('#pair').value !== 'bad'")
        first, second = page.run("['#text', '#pair'].map((id) => document.querySelector(id).value)")
        assert examples[place] == f"{first} / {second}"


def test_an_embedder_tells_how_alike_two_texts_are(tmp_path: Path, open_over: Open) -> None:
    """Of one text its size and length; of two the cosine between them."""
    publish_embedder(tmp_path, normalize=False)
    with open_over(tmp_path) as page:
        page.type("good film")
        assert page.one("[data-route=embedder] .answer").text == f"{SIZE} numbers"
        vector = expected("good film", normalize=False)
        assert f"{np.linalg.norm(vector):.3f}" in page.card("embedder")
        page.type("bad", "#pair")
        cosine = expected("good film") @ expected("bad")
        assert page.one("[data-route=embedder] .answer").text == f"cosine {cosine:.3f}"
        assert page.said("#announcement") == f"embedder: cosine {cosine:.3f}."


def test_windows_are_told(tmp_path: Path, open_over: Open) -> None:
    """A text that is read in several, and how many tokens that are in all."""
    publish_tiny(tmp_path, "long", windows={"stride": 2}, max_length=8)
    with open_over(tmp_path) as page:
        page.type("good " * 14)
        assert "Read in 3 windows, " in page.card("long")
        page.type("good")
        assert "windows" not in page.card("long")
