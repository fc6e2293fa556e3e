"""What the service's own metrics say of its batches."""

from loadtest.results import Batches
from loadtest.run.server import batches_between, parse_batches


def test_batches_are_those_of_the_run() -> None:
    """The service counts since its start; what was there before is taken off."""
    name, labels = "stillhouse_batch_texts", '{model="a"}'
    text = f"# TYPE {name} histogram\n{name}_count{labels} %d\n{name}_sum{labels} %d\n"
    before, after = parse_batches(text % (2, 3)), parse_batches(text % (12, 33))
    assert batches_between(before, after) == (Batches("a", 10, 30),)
    assert batches_between(after, after) == ()
    assert parse_batches("<html>no metrics</html>") == {}


def test_batches_of_all_versions_of_a_model_are_its_own() -> None:
    """A service that tells versions apart has a line for each."""
    name = "stillhouse_batch_texts"
    lines = [
        f'{name}_{part}{{model="a",version="{version}"}} {version}'
        for version in (1, 2)
        for part in ("count", "sum")
    ]
    assert parse_batches("\n".join([f"# TYPE {name} histogram", *lines, ""])) == {"a": (3, 3)}
