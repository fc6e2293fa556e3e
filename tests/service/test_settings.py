"""Settings, and the CPUs that a container may use."""

import pytest
from pydantic import ValidationError

from service.settings import Settings


def test_environment_sets_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """A STILLHOUSE_ variable sets a value, and a wrong one is an error."""
    monkeypatch.setenv("STILLHOUSE_PORT", "9001")
    assert Settings().port == 9001
    monkeypatch.setenv("STILLHOUSE_PORT", "many")
    with pytest.raises(ValidationError, match="port"):
        Settings()


def test_keys_are_not_printed() -> None:
    """A key does not appear when the settings are printed or logged."""
    assert "hunter2" not in repr(Settings(admin_key="hunter2"))
