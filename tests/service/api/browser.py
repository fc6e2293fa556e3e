"""A page as somebody sees it who looks at it through a headless Chromium."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import ActionChains, Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait


@contextmanager
def chromium(profile: Path) -> Iterator[Chrome]:
    """A headless Chromium that starts nothing of its own; without one the test is skipped."""
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
        f"user-data-dir={profile}",
    ):
        options.add_argument(f"--{flag}")
    with Chrome(options=options, service=ChromeService(driver)) as found:
        yield found


class Page:
    """The page of the service at `url`."""

    def __init__(self, chrome: Chrome, url: str) -> None:
        self.chrome = chrome
        self.url = url

    def open(self, width: int = 1200, height: int = 900, scheme: str = "light") -> None:
        """Loads the page anew, and waits until it has asked what there is."""
        self.chrome.get("about:blank")  # a page before this one goes on asking until it is left
        for kind in ("browser", "performance"):
            self.chrome.get_log(kind)
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.command("Emulation.setDeviceMetricsOverride", **metrics)
        self.prefer(scheme)
        self.chrome.get(f"{self.url}/")
        self.until(
            "document.querySelector('.card, .problem:not(:empty), #no-models:not([hidden])')"
        )

    def command(self, name: str, **values: Any) -> None:
        """Runs a command of the DevTools protocol."""
        self.chrome.execute_cdp_cmd(name, values)

    def prefer(self, scheme: str) -> None:
        """Asks for light or dark, as the system's setting would."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.command("Emulation.setEmulatedMedia", features=features)

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        return self.chrome.execute_script(f"return {expression}")

    def until(self, expression: str) -> None:
        """Waits until a JavaScript expression is true."""
        waiting = WebDriverWait(self.chrome, 20, 0.05)
        waiting.until(lambda _: self.run(f"Boolean({expression})"), f"never: {expression}")

    def one(self, selector: str) -> WebElement:
        """The first element that a selector finds."""
        return self.chrome.find_element(By.CSS_SELECTOR, selector)

    def said(self, selector: str) -> str:
        """The text of an element, seen or only heard."""
        return str(self.run(f"document.querySelector('{selector}').textContent"))

    def press(self, key: str) -> None:
        """Presses a key, wherever the focus is."""
        ActionChains(self.chrome).send_keys(key).perform()

    def type(self, text: str, box: str = "#text") -> None:
        """Types a text in place of the one that is there, and waits for all answers to it."""
        area = self.one(box)
        self.run("document.querySelector('#announcement').textContent = ''")
        area.clear()
        area.send_keys(text)
        self.until("document.querySelector('#announcement').textContent")

    def until_live(self, route: str) -> None:
        """Waits until the live figures speak of a route."""
        self.until(f"document.querySelector('#live-routes').textContent.includes('{route}')")

    def card(self, route: str) -> str:
        """What the card of a model or a cascade says."""
        return self.one(f"[data-route={route}]").text

    def complaints(self) -> list[str]:
        """Errors and warnings of the console since the page was opened."""
        return [entry["message"] for entry in self.chrome.get_log("browser")]

    def hosts(self) -> set[str]:
        """The hosts that were asked for anything since the page was opened."""
        entries = self.chrome.get_log("performance")
        events = (json.loads(entry["message"])["message"] for entry in entries)
        return {
            urlsplit(event["params"]["request"]["url"]).netloc
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        }
