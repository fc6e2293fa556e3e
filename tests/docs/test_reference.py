"""docs/reference/ is what the code gives, and says all of it."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from service.repository.manifest import Manifest
from service.repository.routes import Routes, read_routes
from service.settings import Settings
from tests.docs.reference.__main__ import FOLDER
from tests.docs.reference.formats import ROUTES
from tests.docs.reference.markdown import reached
from tests.docs.reference.pages import PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_gives(name: str) -> None:
    """`make reference` writes it again."""
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name](), "run `make reference`"


def test_no_page_is_left_over() -> None:
    """Each is written from the code, but for the list of them and one that is written by hand."""
    assert {path.name for path in FOLDER.iterdir()} == {*PAGES, "index.md", "data-files.md"}


def test_settings_are_all_there() -> None:
    """Each has its line, with its default and its meaning."""
    page = PAGES["settings.md"]()
    for name, field in Settings.model_fields.items():
        (line,) = [row for row in page.splitlines() if f"`STILLHOUSE_{name.upper()}`" in row]
        assert field.description
        assert field.description in line
    assert "| `STILLHOUSE_PORT` | `8000` | port to listen on |" in page


@pytest.mark.parametrize("model", [Manifest, Routes])
def test_every_key_of_a_file_is_described(model: type[BaseModel]) -> None:
    """Of the manifest and of the routes, down to the last section."""
    schema = model.model_json_schema()
    models = {**schema.pop("$defs"), model.__name__: schema}
    bare = [
        f"{name}.{key}"
        for name in reached([model.__name__], models)
        for key, told in models[name]["properties"].items()
        if "description" not in told
    ]
    assert bare == []


def test_the_routes_are_usable(tmp_path: Path) -> None:
    """The example on the page of routes can be read."""
    (tmp_path / "routes.toml").write_text(ROUTES.split("```toml\n")[1].split("```")[0])
    assert read_routes(tmp_path).shadow.keys() == {"student"}


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("commands.md", "## stillhouse compress\n"),
        ("commands.md", "### stillhouse models rename-labels\n"),
        (
            "endpoints.md",
            "| [`POST /predict`](#post-predict) | Ask a model of one text or several |",
        ),
        ("endpoints.md", "- Body: [PredictRequest](#predictrequest).\n"),
        ("endpoints.md", "| `escalated` | true, false |  | a cheaper model was asked first"),
        ("errors.md", "| `Overloaded` | 429 |"),
        (
            "manifest.md",
            "| `max_length` | whole number (1 or more) |  | tokens, special ones counted |",
        ),
        ("metrics.md", "| `stillhouse_requests_total` | counter | `model`, `status` |"),
        ("metrics.md", "| `stillhouse_queue_depth` | gauge | `model`, `version` |"),
        ("routes.md", '| `overload` | `refuse`, `answer` | `"refuse"` |'),
    ],
)
def test_pages_say_what_matters(page: str, said: str) -> None:
    """A generator that leaves something out is seen."""
    assert said in PAGES[page]()
