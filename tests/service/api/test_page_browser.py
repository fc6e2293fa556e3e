"""The playground page in a real browser, against a real server over tiny models."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome, Keys

from tests.service.api.browser import Page
from tests.service.builders import publish_tiny, write_cascade
from tests.service.conftest import listening

# The browser's fetch, but the first prediction waits for `release`, whoever aborts it.
HOLD_FIRST_ANSWER = """(() => {
  const real = window.fetch;
  window.fetch = async (path, options) => {
    if (path !== "predict") return real(path, options);
    window.fetch = real;
    await new Promise((resolve) => { window.release = resolve; });
    const response = await real(path, { ...options, signal: undefined });
    setTimeout(() => { window.released = true; }, 100);
    return response;
  };
})()"""


# The browser's fetch, but the cascade's answers are those of a service under overload.
DEGRADE = """(() => {
  const real = window.fetch;
  window.fetch = async (path, options) => {
    const response = await real(path, options);
    if (path !== "predict") return response;
    const found = await response.json();
    if (found.model === "auto") found.predictions[0].degraded = true;
    return new Response(JSON.stringify(found), { status: 200 });
  };
})()"""


@pytest.fixture
def models(models: Path) -> Path:
    """A sure teacher, an unsure student, and a cascade over them."""
    write_cascade(models)
    return models


@pytest.fixture
def page(chrome: Chrome, live: str) -> Page:
    """The page of a running service, open at the size of a desktop."""
    found = Page(chrome, live)
    found.open()
    return found


def test_every_model_and_cascade_answers_what_is_typed(page: Page) -> None:
    """Each model shows its own label and share, and the cascade says who answered."""
    page.type("good")
    assert "positive" in page.card("student")
    assert "73.1%" in page.card("student")
    assert "98.2%" in page.card("teacher")
    assert "inference" in page.card("teacher")
    assert "Escalated: teacher answered." in page.card("auto")
    page.type("bad bad")
    assert page.one("[data-route=student] .answer").text == "negative"
    assert "Answered by student, not escalated." in page.card("auto")
    heard = "student: negative, 88%. teacher: negative, 100%. auto: answered by student."
    assert page.said("#announcement") == heard


def test_a_degraded_answer_is_marked(page: Page, models: Path) -> None:
    """And the cascade's panel says what it does under overload, and what that is worth."""
    assert "Under overload it refuses" in page.one(".cascade").text
    write_cascade(models, overload="answer", objective_ms=50)
    with listening(models=models, threads=1) as url:
        other = Page(page.chrome, url)
        other.open()
        panel = other.one(".cascade").text
        assert "would not answer within 50 ms" in panel
        assert "Where student answers every text, 88.0% are right." in panel
        other.run(DEGRADE)
        other.type("bad bad")
        assert "Degraded: student answered and was unsure" in other.card("auto")


def test_slider_changes_who_would_answer(page: Page) -> None:
    """The slider starts at the fitted threshold; lowered, the student answers, cheaper."""
    page.type("good")
    assert "73.1% sure, which is not enough: teacher would answer" in page.said(".verdict")
    panel, slider = page.one(".cascade"), page.one("input[type=range]")
    assert page.one("output").text == "0.8000"
    assert "94.5%" in panel.text
    assert (
        "at most 1.00% of texts answered wrongly that teacher answers rightly, with 95%"
        in panel.text
    )
    assert " ms a text, " in panel.text
    before = page.one(".now").get_dom_attribute("cx")
    slider.send_keys(Keys.HOME)
    assert page.one("output").text == "0.0000"
    assert "enough: student would answer “positive”" in page.said(".verdict")
    assert "88.0%" in panel.text
    assert page.one(".now").get_dom_attribute("cx") != before
    assert "student would answer" in str(slider.get_dom_attribute("aria-valuetext"))
    page.one(".slider button").click()
    assert page.one("output").text == "0.8000"
    assert page.one(".now").get_dom_attribute("cx") == before


def test_late_answer_to_an_older_text_is_dropped(page: Page) -> None:
    """An answer that comes after the text has changed is never shown."""
    page.run(HOLD_FIRST_ANSWER)
    page.one("#text").send_keys("good")
    page.until("window.release")
    page.type("bad")
    page.run("window.release()")
    page.until("window.released")
    for route in ("student", "teacher", "auto"):
        assert "negative" in page.one(f"[data-route={route}] .answer").text
    assert "positive" not in page.said("#announcement")


def test_live_figures_appear(page: Page) -> None:
    """Throughput, latency and escalation of the page's own requests are shown by route."""
    page.type("good")
    page.until_live("auto")
    assert float(page.one("#live-rate").text) > 0
    assert float(page.one("#live-p99").text) > 0
    assert page.one("#live-escalated").text == "100.0%"
    assert page.run("document.querySelector('#spark-rate polyline') !== null")


def test_errors_are_told_in_words(page: Page) -> None:
    """What the API refuses is said in its own words, in a region that is read out."""
    page.run("document.querySelector('#text').value = 'x'.repeat(100001)")
    page.one("#text").send_keys("y")
    page.until("document.querySelector('#problem').textContent")
    assert "100002 characters; at most 100000 (422)" in page.one("#problem").text
    assert page.one("#problem").get_dom_attribute("role") == "status"


def test_page_asks_only_its_own_service_and_the_console_is_clean(page: Page) -> None:
    """Loading, typing and polling go to one host, and nothing is refused or fails."""
    page.type("good film")
    page.until_live("auto")
    assert page.complaints() == []
    assert page.hosts() == {urlsplit(page.url).netloc}


def test_markup_in_a_label_stays_text(models: Path, chrome: Chrome) -> None:
    """A multi-label model shows every label it gives, and markup in one as plain text."""
    labels = ("<b>joy</b>", "sorrow", "wit")
    scores = {"good": (1.0, -2.0, 2.0)}
    publish_tiny(models, "moods", labels=labels, problem_type="multi_label", scores=scores)
    with listening(models=models, threads=1) as url:
        page = Page(chrome, url)
        page.open()
        page.type("good")
        assert page.one("[data-route=moods] .answer").text == "wit, <b>joy</b>"
        assert page.run("document.querySelectorAll('[data-route=moods] .given').length") == 2
        assert page.run("document.querySelector('main b')") is None


def test_a_regression_shows_its_number(models: Path, chrome: Chrome) -> None:
    """And no label, no bars and no confidence."""
    scores = {"good": (-2.34567,)}
    publish_tiny(models, "stars", labels=("stars",), problem_type="regression", scores=scores)
    with listening(models=models, threads=1) as url:
        page = Page(chrome, url)
        page.open()
        page.type("good")
        assert page.one("[data-route=stars] .answer").text == "-2.346"
        assert page.run("document.querySelector('[data-route=stars] .scores')") is None
        assert "stars: -2.346." in page.one("#announcement").text
        assert page.complaints() == []


def test_nothing_is_wider_than_a_phone(page: Page) -> None:
    """At 360 pixels nothing is cut off or scrolls sideways, with answers shown."""
    page.open(360, 740)
    page.type("good " + "unbroken" * 20)
    page.until_live("auto")
    assert page.run("document.documentElement.scrollWidth") == 360
    right = "Math.max(...[...document.querySelectorAll('body *')].map(({0}) => {0}.{1}))"
    assert page.run(right.format("node", "getBoundingClientRect().right")) <= 360.5


def test_keyboard_reaches_everything_in_order(page: Page) -> None:
    """Tab goes from the text through the examples to the slider, each with a visible focus."""
    seen = []
    for _ in range(8):
        page.press(Keys.TAB)
        seen.append(page.run("document.activeElement.id || document.activeElement.textContent"))
        assert page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert seen[:2] == ["text", "A good film, moving and funny."]
    assert seen[5:] == ["threshold-auto", "API documentation", "Metrics"]


def test_example_is_chosen_with_the_keyboard(page: Page) -> None:
    """Enter on an example puts it into the text area and gets it answered."""
    page.one("#examples button:nth-child(4)").send_keys(Keys.ENTER)
    page.until("document.querySelector('#announcement').textContent")
    assert page.run("document.querySelector('#text').value") == "So bad that it is good again."
    assert "%" in page.card("teacher")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system(page: Page, scheme: str) -> None:
    """The ground is light or dark as the system asks, and text stands out from it by AA."""
    page.prefer(scheme)
    page.type("good")
    page.until_live("auto")
    ground = _luminance(page.run("getComputedStyle(document.body).backgroundColor"))
    assert (ground > 0.8) if scheme == "light" else (ground < 0.02)
    for selector in ("h1", ".hint", ".answer", ".given", ".verdict", "a", "button", ".tag", "th"):
        style = f"getComputedStyle(document.querySelector('{selector}'))"
        behind = _luminance(page.run(f"{style}.backgroundColor"), default=ground)
        assert _contrast(_luminance(page.run(f"{style}.color")), behind) >= 4.5, selector


def test_stale_cascade_says_why(models: Path, chrome: Chrome) -> None:
    """A cascade fitted on another version shows the reason, and no slider."""
    write_cascade(models, fitted_version=2)
    with listening(models=models, threads=1) as url:
        page = Page(chrome, url)
        page.open()
        assert "student@2, which it was fitted on, cannot answer" in page.one(".cascade").text
        assert page.run("document.querySelector('input[type=range]')") is None


def test_page_without_models(tmp_path: Path, chrome: Chrome) -> None:
    """With nothing to serve the page says so, and typing breaks nothing."""
    (tmp_path / "empty").mkdir()
    with listening(models=tmp_path / "empty", threads=1) as url:
        page = Page(chrome, url)
        page.open()
        assert page.one("#no-models").is_displayed()
        assert page.one("#no-cascades").is_displayed()
        page.one("#text").send_keys("good")
        assert page.complaints() == []


def test_key_is_asked_for_and_kept_in_memory_alone(models: Path, chrome: Chrome) -> None:
    """Where keys are set the page asks for one, uses it, and stores it nowhere."""
    with listening(models=models, threads=1, api_keys="right") as url:
        page = Page(chrome, url)
        page.open()
        assert "this needs a key" in page.one("#problem").text
        page.one("#key").send_keys("wrong" + Keys.ENTER)
        page.until("document.querySelector('#key-form').hidden === false")
        page.one("#key").clear()
        page.one("#key").send_keys("right" + Keys.ENTER)
        page.until("document.querySelector('.card')")
        assert not page.one("#key-form").is_displayed()
        page.type("good")
        assert "98.2%" in page.card("teacher")
        assert page.run("[localStorage.length, sessionStorage.length, document.cookie]") == [
            0,
            0,
            "",
        ]


def _contrast(*luminances: float) -> float:
    """WCAG's contrast ratio."""
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)


def _luminance(colour: str, default: float = 0.0) -> float:
    """WCAG's relative luminance of `rgb(1, 2, 3)`; the default where it is transparent."""
    if colour == "rgba(0, 0, 0, 0)":
        return default
    parts = [int(part) / 255 for part in colour.strip("rgb()").split(",")]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
