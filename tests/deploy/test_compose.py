"""docker-compose.yml and .env.example against the service's settings."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.settings import Settings

ROOT = Path(__file__).parents[2]
FILE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
OF_THE_IMAGE = {"models", "host", "port", "unix_socket"}  # what the container itself decides
SETTINGS = {
    f"STILLHOUSE_{name.upper()}": field.default
    for name, field in Settings.model_fields.items()
    if name not in OF_THE_IMAGE
}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services of the file."""
    found: dict[str, Any] = yaml.safe_load(FILE)["services"]
    return found


def test_every_setting_reaches_the_service(services: dict[str, Any]) -> None:
    """What is set in .env or the shell is set in the container, and nothing that is no setting."""
    assert services["service"]["environment"] == list(SETTINGS)


def test_the_example_has_every_variable() -> None:
    """Settings with their defaults, and whatever else the file asks for."""
    given = dict(re.findall(r"^#([A-Z0-9_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    for name, default in SETTINGS.items():
        assert given[name] == ("" if default is None else str(default)), name
    asked = dict(re.findall(r"\$\{([A-Z0-9_]+):-([^}]*)\}", FILE))
    for name, default in asked.items():
        assert name in given, name
        assert given[name] == default, name
    assert set(given) == {*SETTINGS, *asked, "STILLHOUSE_API_KEY"}


def test_nothing_may_more_than_it_needs(services: dict[str, Any]) -> None:
    """Every container is read-only, without capabilities, and waits for a healthy one."""
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        waits = service.get("depends_on", {}).values()
        assert all(one == {"condition": "service_healthy"} for one in waits), name
        if name != "locust":
            assert service["deploy"]["resources"]["limits"]["memory"], name


def test_images_of_others_are_pinned(services: dict[str, Any]) -> None:
    """By a version, so that a start tomorrow is that of today."""
    for name, service in services.items():
        if "build" not in service:
            assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), name
