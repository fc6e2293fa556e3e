"""`/docs`, through HTTP and in a real browser: it serves all that it shows."""

import json
import re
from functools import partial
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from service.api.docs import FILES
from tests.service.api.browser import chromium
from tests.service.process.test_security import Connect

PREDICT = "//span[@data-path='/predict']/ancestor::div[contains(@class, 'opblock')][last()]"


def _first(within: WebElement, selector: str, _: Chrome) -> WebElement | None:
    return next(iter(within.find_elements(By.CSS_SELECTOR, selector)), None)


def test_docs_name_no_other_host(connect: Connect) -> None:
    """The page refers to files of this service alone, which are there, and forbids all others."""
    client = connect(api_keys="one")
    page = client.get("/docs")
    assert page.status_code == 200
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert {name.removeprefix("docs/") for name in named} == FILES
    for path in ("docs", *named):
        answer = client.get(f"/{path}")
        assert answer.status_code == 200, path
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        for loose in ("unsafe", "*", "http"):
            assert loose not in policy
        assert client.head(f"/{path}").status_code == 200
    assert client.get("/docs/main.py").status_code == 404


def test_docs_can_be_switched_off(connect: Connect) -> None:
    """Page and documents are settings; neither needs the other."""
    client = connect(docs=False)
    for path in ("/docs", "/docs/docs.js", "/openapi.json", "/redoc"):
        assert client.get(path).status_code == 404, path
    assert client.get("/").status_code == 200
    client = connect(page=False)
    assert client.get("/docs").status_code == 200
    assert client.get("/").status_code == 404


def test_docs_show_and_try_out_the_service(live: str, tmp_path: Path) -> None:
    """A browser shows the paths and sends a request, asks nobody else, and refuses nothing."""
    with chromium(tmp_path) as chrome:
        chrome.get_log("performance")
        chrome.get(f"{live}/docs")
        wait = WebDriverWait(chrome, 60)
        blocks = wait.until(lambda _: chrome.find_elements(By.XPATH, PREDICT))
        for selector in (".opblock-summary-control", ".try-out__btn", ".execute"):
            button = wait.until(partial(_first, blocks[0], selector))
            chrome.execute_script("arguments[0].click()", button)
        wait.until(lambda _: '"predictions"' in blocks[0].text)
        said, log = chrome.get_log("browser"), chrome.get_log("performance")
    assert said == []
    events = [json.loads(entry["message"])["message"] for entry in log]
    asked = {
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
        and event["params"].get("documentURL", "").startswith("http")
    }
    assert f"{live}/openapi.json" in asked
    assert {url for url in asked if not url.startswith((live, "data:"))} == set()
