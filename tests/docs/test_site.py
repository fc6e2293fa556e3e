"""The site of docs/ builds with strict links, loads nothing from elsewhere, and has every page."""

import re
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests.service.api.browser import Page as Browsed
from tests.service.api.browser import chromium

ROOT = Path(__file__).parents[2]
CONFIG = "zensical.toml"
MOST_BYTES = 200_000  # of a picture
LOADED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "src"}

needs_zensical = pytest.mark.skipif(
    find_spec("zensical") is None, reason="needs zensical: pip install 'stillhouse[docs]'"
)


class Page(HTMLParser):
    """What a page of the site loads, where it leads, and which anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keeps what matters of a tag."""
        given = dict(attrs)
        self.anchors |= {value for name in ("id", "name") if (value := given.get(name))}
        if (name := LOADED.get(tag)) and (target := given.get(name)):
            (self.leads if given.get("rel") == "canonical" else self.loads).append(target)
        if tag == "a" and (target := given.get("href")):
            self.leads.append(target)


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing of it."""

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Builds the site of a copy, whose caches are then its own."""
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation and its configuration, alone."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(ROOT / CONFIG, folder)
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def site(copy: Path) -> Path:
    """The site, built."""
    done = build(copy)
    assert done.returncode == 0, done.stdout + done.stderr
    return copy / "build" / "site"


@needs_zensical
def test_nothing_comes_from_elsewhere(site: Path) -> None:
    """Pages and styles name no other host for anything that a browser loads by itself."""
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 20
    for path in pages:
        loads = Page(path.read_text(encoding="utf-8")).loads
        assert loads
        assert [one for one in loads if urlsplit(one).netloc] == [], path
    for path in site.rglob("*.css"):
        named = re.findall(r"(?:url\(|@import )[\"']?([^)\"' ]+)", path.read_text(encoding="utf-8"))
        assert [one for one in named if urlsplit(one).netloc] == [], path


@needs_zensical
def test_a_browser_asks_nobody_else(site: Path, tmp_path: Path) -> None:
    """Scripts too load nothing from elsewhere, and nothing is missing."""
    handler = partial(Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, chromium(tmp_path) as chrome:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            page = Browsed(chrome, f"http://127.0.0.1:{server.server_port}")
            chrome.get("about:blank")  # its own first page is left
            chrome.get_log("performance")
            for name in ("index", "tutorial/index", "explanation/batching"):
                chrome.get(f"{page.url}/{name}.html")
                page.until("document.readyState === 'complete' && document.querySelector('h1')")
            assert page.hosts() - {""} == {f"127.0.0.1:{server.server_port}"}
            assert page.complaints() == []
        finally:
            server.shutdown()
            thread.join()


@needs_zensical
def test_every_link_leads_somewhere(site: Path) -> None:
    """To a file of the site and an anchor in it: also those that the builder does not look at."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    wrong = []
    for path, page in pages.items():
        if path.name == "404.html":  # its links begin at the host's root
            continue
        for target in [*page.leads, *page.loads]:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            place = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = place / "index.html" if place.is_dir() else place
            lost = not place.is_file()
            if not lost and parts.fragment and place in pages:
                lost = unquote(parts.fragment) not in pages[place].anchors
            if lost:
                wrong.append(f"{path.relative_to(site)}: {target}")
    assert wrong == []


@needs_zensical
def test_a_broken_link_ends_the_build(copy: Path, tmp_path: Path) -> None:
    """The build is as strict as it is asked to be."""
    shutil.copytree(copy, tmp_path / "copy", ignore=shutil.ignore_patterns("build", ".cache"))
    with (tmp_path / "copy" / "docs" / "index.md").open("a", encoding="utf-8") as page:
        page.write("\n[nowhere](nowhere.md)\n")
    done = build(tmp_path / "copy")
    assert done.returncode != 0
    assert "does not exist" in done.stdout + done.stderr


def test_every_page_is_in_the_navigation() -> None:
    """And what the navigation names is there."""
    nav = tomllib.loads((ROOT / CONFIG).read_text(encoding="utf-8"))["project"]["nav"]
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert sorted(named(nav)) == sorted(pages)


def named(nav: Any) -> Iterator[str]:
    """The pages of a part of the navigation."""
    if isinstance(nav, str):
        yield nav
    else:
        for part in nav.values() if isinstance(nav, dict) else nav:
            yield from named(part)


def test_pictures_are_small() -> None:
    """Those in docs/ that pages show."""
    shown = set()
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            shown.add((page.parent / target).resolve())
    assert shown
    assert {
        path.name: path.stat().st_size for path in shown if path.stat().st_size > MOST_BYTES
    } == {}
