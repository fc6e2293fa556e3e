"""How the options are written."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from loadtest import options
from loadtest.cli import loadtest as command
from loadtest.load import Batch, Open, Segment


def test_a_profile_is_made_of_parts() -> None:
    """A ramp and a spike."""
    assert options.read_profile("0-500/60s") == (Segment(60, 0.0, 500.0),)
    spike = options.read_profile("100/20s, 1000/5, 100/2m")
    assert spike == (Segment(20, 100, 100), Segment(5, 1000, 1000), Segment(120, 100, 100))


def test_a_profile_tells_what_it_asks() -> None:
    """Its area is the number of requests, its parts are its length."""
    pace = Open(options.read_profile("0-100/10s,50/10s"))
    assert pace.seconds == 20
    assert [pace.requests_until(at) for at in (0, 5, 10, 15, 20, 99)] == [
        0, 125, 500, 750, 1000, 1000,
    ]  # fmt: skip


def test_lists_mixes_and_batches() -> None:
    """One value, or several with commas."""
    assert options.read_users("8") == (8,)
    assert options.read_rates("50,100,50") == (50.0, 100.0)
    assert options.read_mix("a=0.8, b@2=0.2") == (("a", 0.8), ("b@2", 0.2))
    assert options.read_batches("8") == (Batch(8, 1.0),)
    assert options.read_batches("1=0.9,8=0.1") == (Batch(1, 0.9), Batch(8, 0.1))
    assert (options.read_share("5%"), options.read_share("0.05")) == (0.05, 0.05)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--host", "localhost:8000"),
        ("--host", "http://me:secret@localhost"),
        ("--users", "0"),
        ("--users", "8,many"),
        ("--users", "2000"),
        ("--rate", "-5"),
        ("--rate", "inf"),
        ("--profile", "ramp"),
        ("--profile", "100/0s"),
        ("--profile", "0/10s"),
        ("--mix", "student"),
        ("--mix", "student=0"),
        ("--batch", "129"),
        ("--batch", "1=0.5,x=0.5"),
        ("--long-share", "120%"),
        ("--slo", "throughput=5", "--capacity"),
        ("--fail-if", "p99>+10%"),
        ("--fail-if", "capacity<100"),
        ("--fail-if", "p99>50ms", "--capacity"),
        ("--rate", "5", "--users", "5"),
        ("--capacity", "--profile", "1/5s"),
        ("--texts", "not-there.txt"),
    ],
    ids=" ".join,
)
def test_wrong_options_are_refused(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Click says which option is wrong, and nothing is written."""
    result = CliRunner().invoke(command, ["--output", str(tmp_path / "new"), *arguments])
    assert result.exit_code == 2
    assert arguments[0] in result.output
    assert list(tmp_path.iterdir()) == []


def test_the_key_comes_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file's first line, or else the variable; none is fine."""
    path = tmp_path / "keys"
    path.write_text("\n sesame \nsecond\n", encoding="utf-8")
    monkeypatch.setenv("STILLHOUSE_API_KEY", "other")
    assert options.read_key(path) == "sesame"
    assert options.read_key(None) == "other"
    monkeypatch.setenv("STILLHOUSE_API_KEY", "")
    assert options.read_key(None) is None
    path.write_text("\n")
    for missing in (path, tmp_path / "none"):
        with pytest.raises(click.ClickException, match=missing.name):
            options.read_key(missing)
