"""The playground page in a real browser, against a real server over tiny models."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.service.builders import publish_tiny, write_cascade

SURE = 0.982  # of the teacher, for "good"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A sure teacher, an unsure student, and a cascade over them."""
    root = tmp_path / "models"
    publish_tiny(root, "teacher")
    publish_tiny(root, "student", scores={"good": (0.0, 1.0), "bad": (1.0, 0.0)})
    write_cascade(root)
    return root


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """A headless Chromium that starts nothing of its own in the background."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("no browser: install the Debian packages chromium chromium-driver")
    options = ChromeOptions()
    options.binary_location = browser
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "disable-dev-shm-usage",
        "no-first-run",
        "no-proxy-server",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        f"user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(f"--{flag}")
    with Chrome(options=options, service=ChromeService(driver)) as found:
        yield found


class Page:
    """The page as somebody sees it who looks at it."""

    def __init__(self, chrome: Chrome, url: str) -> None:
        self.chrome = chrome
        self.url = url

    def open(self, width: int = 1200, height: int = 900, scheme: str = "light") -> None:
        """Loads the page anew, and waits until it knows what there is."""
        for kind in ("browser", "performance"):
            self.chrome.get_log(kind)  # whatever a test before this one left behind
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        self.prefer(scheme)
        self.chrome.get(f"{self.url}/")
        self.until("document.querySelector('.card, #no-models:not([hidden])')")

    def command(self, name: str, **values: Any) -> None:
        """Runs a command of the DevTools protocol."""
        self.chrome.execute_cdp_cmd(name, values)

    def prefer(self, scheme: str) -> None:
        """Asks for light or dark, as the system's setting would."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.command("Emulation.setEmulatedMedia", features=features)

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        return self.chrome.execute_script(f"return {expression}")  # type: ignore[no-untyped-call]

    def until(self, expression: str) -> None:
        """Waits until a JavaScript expression is true."""
        WebDriverWait(self.chrome, 15, 0.05).until(
            lambda _: bool(self.run(expression)), f"never: {expression}"
        )

    def one(self, selector: str) -> WebElement:
        """The first element that a selector finds."""
        return self.chrome.find_element(By.CSS_SELECTOR, selector)

    def type(self, text: str) -> None:
        """Types a text in place of the one that is there, and waits for all answers to it."""
        area = self.one("#text")
        self.run("document.getElementById('announcement').textContent = ''")
        area.clear()
        area.send_keys(text)
        self.until("document.getElementById('announcement').textContent")

    def card(self, route: str) -> str:
        """What the card of a model or a cascade says."""
        return self.one(f"[data-route={route}]").text

    def complaints(self) -> list[str]:
        """Errors and warnings of the console since the page was opened."""
        return [entry["message"] for entry in self.chrome.get_log("browser")]

    def hosts(self) -> set[str]:
        """The hosts that were asked for anything since the page was opened."""
        events = (
            json.loads(entry["message"])["message"] for entry in self.chrome.get_log("performance")
        )
        return {
            urlsplit(event["params"]["request"]["url"]).netloc
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        }


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
    said = page.run("document.getElementById('announcement').textContent")
    assert said == "student: negative, 88%. teacher: negative, 100%. auto: answered by student."


def test_slider_changes_who_would_answer(page: Page) -> None:
    """The slider starts at the fitted threshold; lowered, the student answers, cheaper."""
    page.type("good")
    page.until("document.querySelector('.verdict').textContent.includes('teacher would answer')")
    assert page.one("output").text == "0.8000"
    panel = page.one(".cascade")
    assert "94.5%" in panel.text
    assert "loses at most 0.91% of accuracy against teacher, with 95% confidence" in panel.text
    assert " ms a text, " in panel.text
    before = page.run("document.querySelector('.now').getAttribute('cx')")
    page.one("input[type=range]").send_keys(Keys.HOME)
    assert page.one("output").text == "0.0000"
    assert "student would answer “positive”" in page.one(".verdict").text
    assert "88.0%" in panel.text
    assert page.run("document.querySelector('.now').getAttribute('cx')") != before
    assert "student would answer" in (
        page.one("input[type=range]").get_dom_attribute("aria-valuetext") or ""
    )
    page.one(".slider button").click()
    assert page.one("output").text == "0.8000"


def test_live_figures_appear(page: Page) -> None:
    """Throughput, latency and escalation of the page's own requests are shown by route."""
    page.type("good")
    page.until("document.getElementById('live-routes').textContent.includes('auto')")
    assert float(page.one("#live-rate").text) > 0
    assert float(page.one("#live-p99").text) > 0
    assert page.one("#live-escalated").text == "100.0%"
    assert page.run("document.querySelector('#spark-rate polyline') !== null")


def test_errors_are_told_in_words(page: Page) -> None:
    """What the API refuses is said in its own words, in a region that is read out."""
    area = page.one("#text")
    page.run("document.getElementById('text').value = 'x'.repeat(100001)")
    area.send_keys("y")
    page.until("document.getElementById('problem').textContent")
    assert "100002 characters; at most 100000 (422)" in page.one("#problem").text
    assert page.one("#problem").get_dom_attribute("role") == "status"


def test_page_asks_only_its_own_service_and_the_console_is_clean(page: Page) -> None:
    """Loading, typing and polling go to one host, and nothing is refused or fails."""
    page.type("good film")
    page.until("document.getElementById('live-routes').textContent.includes('auto')")
    assert page.complaints() == []
    assert page.hosts() == {urlsplit(page.url).netloc}


def test_nothing_is_wider_than_a_phone(page: Page) -> None:
    """At 360 pixels nothing is cut off or scrolls sideways, with answers shown."""
    page.open(360, 740)
    page.type("good " + "unbroken" * 20)
    page.until("document.getElementById('live-routes').textContent.includes('auto')")
    assert page.run("document.documentElement.scrollWidth") == 360
    outside = page.run(
        "[...document.querySelectorAll('main *, header *, footer *')]"
        ".filter((node) => node.getBoundingClientRect().right > 360.5).map((node) => node.outerHTML)"
    )
    assert outside == []


def test_keyboard_reaches_everything_in_order(page: Page) -> None:
    """Tab goes from the text through the examples to the slider, each with a visible focus."""
    page.type("good")
    page.run("document.activeElement.blur()")
    page.run("window.scrollTo(0, 0)")
    seen = []
    for _ in range(9):
        page.one("html").send_keys(
            Keys.TAB
        ) if not seen else page.chrome.switch_to.active_element.send_keys(Keys.TAB)
        seen.append(page.run("document.activeElement.id || document.activeElement.textContent"))
        assert page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert seen[0] == "text"
    assert seen[1] == "A good film, moving and funny."
    assert seen[5:] == ["threshold-auto", "API documentation", "Models", "Metrics"]


def test_example_is_chosen_with_the_keyboard(page: Page) -> None:
    """Enter on an example puts it into the text area and gets it answered."""
    page.one("#examples button:nth-child(4)").send_keys(Keys.ENTER)
    page.until("document.getElementById('announcement').textContent")
    assert page.run("document.getElementById('text').value") == "So bad that it is good again."
    assert "%" in page.card("teacher")


def test_dark_follows_the_system(page: Page) -> None:
    """Dark and light differ, and in both the text stands out from its ground."""
    colours = {}
    for scheme in ("light", "dark"):
        page.prefer(scheme)
        colours[scheme] = [
            page.run(f"getComputedStyle(document.body).{name}")
            for name in ("backgroundColor", "color")
        ]
    assert colours["light"] != colours["dark"]
    for ground, ink in colours.values():
        assert _contrast(ground, ink) >= 7


def test_stale_cascade_says_why(models: Path, live: str, chrome: Chrome) -> None:
    """A cascade fitted on another version shows the reason, and no slider."""
    write_cascade(models, fitted_version=2)
    page = Page(chrome, live)
    page.open()
    assert "serves version 1, fitted was version 2" in page.one(".cascade").text


def _contrast(*colours: str) -> float:
    """WCAG's contrast ratio of two colours in the form `rgb(1, 2, 3)`."""
    light = sorted((_luminance(colour) for colour in colours), reverse=True)
    return (light[0] + 0.05) / (light[1] + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.strip("rgb()").split(",")]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
