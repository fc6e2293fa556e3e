"""The house's own rules: who may import whom, what stays unloaded, and how long a file may be."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STAGES = ("service", "training", "export", "loadtest", "benchmarks")
# What each may import of ours, besides itself: a module, or a package with all that is in it.
# The consumer owns a format, so export takes those of the model repository from the service.
ALLOWED = {
    "cli": {
        "service.cli",
        "training.cli",
        "training.label.cli",
        "export.check.cli",
        "export.cli",
        "export.compress.cli",
        "loadtest.cli",
        "service.errors",
        "training.errors",
        "export.errors",
        "training.quiet",
    },
    "export": {
        *("training", "service.repository", "service.runtime", "service.errors", "service.cpus"),
        "service.serving.versions.plan",
    },
    # One tokeniser for training and serving; and a published version may teach.
    "training": {"service.runtime", "service.repository", "service.errors"},
    "service": set(),
    "loadtest": set(),
    "benchmarks": {"loadtest"},
}
# Within a stage: each room looks down, none reaches back up. What composes them may see all.
ROOMS = {
    "service": {
        "errors": set[str](),
        "repository": {"errors"},
        "runtime": {"errors", "repository"},
        "serving": {"errors", "repository", "runtime"},
        "telemetry": {
            *("errors", "cgroups", "repository.manifest", "runtime.model", "serving.shapes"),
        },
        "api": {
            *("errors", "repository", "runtime", "serving", "telemetry", "settings"),
            "setting_values",
        },
        # It runs the application that all of them make.
        "process": {
            *("errors", "repository", "telemetry", "settings", "environment", "sourcing", "app"),
        },
    },
    "training": {
        "errors": set[str](),
        "problem": {"errors"},
        "telling": {"errors"},
        "cache": {"errors"},
        "quiet": {"errors"},
        "code": set[str](),
        "scratch": {"cache"},
        "score": {"errors", "problem"},
        "recipe": {"errors", "problem"},
        "data": {"errors", "problem", "telling", "cache", "scratch", "recipe"},
        "models": {"errors", "problem", "telling", "quiet", "cache", "recipe", "data"},
        "teach": {
            *("errors", "problem", "telling", "cache", "scratch", "recipe", "score", "data"),
            "models",
        },
        "prune": {"errors", "problem", "recipe", "data", "models", "teach"},
        "quantize": {"errors", "problem", "recipe"},
        "loop": {
            *("errors", "problem", "telling", "quiet", "code", "recipe", "score", "data"),
            *("models", "teach"),
        },
        "linear": {"errors", "problem", "recipe", "data", "models", "loop"},
        "label": {
            *("errors", "problem", "telling", "quiet", "recipe", "score", "data", "models"),
            *("teach", "options"),
        },
        "tasks": {
            *("errors", "problem", "telling", "quiet", "recipe", "score", "data", "models"),
            *("teach", "prune", "quantize", "loop", "linear", "label"),
        },
        "tune": {
            *("errors", "problem", "recipe", "score", "data", "models", "teach", "loop", "tasks"),
        },
    },
    "export": {
        "errors": set[str](),
        "graph": {"errors"},
        "progress": set[str](),
        "measure": {"errors", "graph"},
        "quantize": {"errors", "graph", "measure"},
        "tasks": {"errors", "progress", "graph", "measure", "quantize"},
        "check": {"errors", "graph", "measure", "tasks"},
        "publish": {"errors", "progress", "graph", "measure", "quantize", "tasks"},
        "cascade": {"errors", "measure"},
        "evaluate": {"errors", "measure"},
        "stages": {"errors"},
        "score": {"errors"},
        "bench": {
            *("errors", "progress", "measure", "evaluate", "publish.lineage", "commands.options"),
            "quantize.torch_int8",
        },
        "compress": {
            "errors",
            "progress",
            "stages",
            "check",
            "graph",
            "measure",
            "quantize",
            "tasks",
            "publish",
            "cascade",
            "commands.options",
        },
        "commands": {
            "errors",
            "progress",
            "graph",
            "measure",
            "quantize",
            "tasks",
            "publish",
            "cascade",
            "evaluate",
            "bench",
            "score",
        },
    },
}
HEAVY = (
    *("torch", "transformers", "onnx", "optimum", "datasets", "locust"),
    *("grpc", "fsspec", "botocore"),
)
MOST_LINES = 300


def sources() -> list[Path]:
    """Every Python file of the house, the tests left out."""
    stages = (path for stage in STAGES for path in sorted((ROOT / stage).rglob("*.py")))
    return [ROOT / "cli.py", *stages]


def modules_named(source: str, package: str) -> set[str]:
    """The full names of all that `source` imports, wherever in it.

    Args:
        package: that the source is a module of, for its relative imports.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: 1 - node.level or None] if node.level else []
            base = ".".join([*parts, *([node.module] if node.module else [])])
            # `from a import b` may name a module b of a, or something in a.
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


def forbidden(source: str, package: str) -> set[str]:
    """The imports of `source` that the table does not allow to a module of `package`."""
    stage = package.split(".")[0]
    allowed = {*ALLOWED[stage], stage}
    return {
        name
        for name in modules_named(source, package)
        if name.split(".")[0] in ALLOWED
        and not any(f"{name}.".startswith(f"{module}.") for module in allowed)
    }


def package_of(path: Path) -> str:
    """The package that a file is in; the top-level module is its own."""
    parts = path.relative_to(ROOT).parts
    return ".".join(parts[:-1]) or path.stem


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_keep_to_the_table(path: Path) -> None:
    """No module imports what the table does not give it."""
    assert forbidden(path.read_text(encoding="utf-8"), package_of(path)) == set()


@pytest.mark.parametrize(
    ("stage", "room"), [(stage, room) for stage, rooms in ROOMS.items() for room in rooms]
)
def test_rooms_look_down(stage: str, room: str) -> None:
    """No room imports one above it."""
    place = ROOT / stage / room
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    allowed = {f"{stage}.{name}" for name in {*ROOMS[stage][room], room}}
    wrong = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        for name in modules_named(path.read_text(encoding="utf-8"), package_of(path))
        if name.startswith(f"{stage}.")
        and not any(f"{name}.".startswith(f"{module}.") for module in allowed)
    }
    assert files
    assert wrong == set()


@pytest.mark.parametrize("stage", ROOMS)
def test_every_room_was_looked_at(stage: str) -> None:
    """The rooms that the table names are all there are."""
    rooms = {path.parent.name for path in (ROOT / stage).glob("*/__init__.py")}
    assert rooms == {room for room in ROOMS[stage] if (ROOT / stage / room).is_dir()}


def test_every_stage_was_looked_at() -> None:
    """The files that the rules are held on are all there is."""
    seen = {package_of(path).split(".")[0] for path in sources()}
    assert seen == {"cli", *STAGES}
    others = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert others == set(STAGES)


@pytest.mark.parametrize(
    ("source", "package", "expected"),
    [
        ("import training.tasks.run", "service", {"training.tasks.run"}),
        ("from training import sampling", "service", {"training.sampling"}),
        ("def f():\n    from export.cli import x", "training", {"export.cli.x"}),
        ("if True:\n    import service", "loadtest", {"service"}),
        ("import service.serving.plan", "training.models", {"service.serving.plan"}),
        ("from service.app import x", "cli", {"service.app.x"}),
        ("from training.models.checkpoints.checkpoint import load_checkpoint", "export", set()),
        ("import training.models.students.bilstm", "export", set()),
        ("from service.runtime.tokenizer import Tokenizer", "training.models", set()),
        ("from . import schemas\nfrom ..errors import X", "service.api", set()),
        ("import service_of_others, numpy", "loadtest", set()),
        ("from benchmarks.peers import cli", "cli", {"benchmarks.peers.cli"}),
        ("import benchmarks", "loadtest", {"benchmarks"}),
        ("from service.errors import X", "benchmarks.growth", {"service.errors.X"}),
        ("from loadtest.traffic.texts import read_texts", "benchmarks.peers", set()),
    ],
)
def test_the_rule_sees_violations(source: str, package: str, expected: set[str]) -> None:
    """Every form of import is seen, and only ours are judged."""
    assert forbidden(source, package) == expected


def test_serving_loads_nothing_heavy() -> None:
    """A process that imports the service and the command has loaded no training library."""
    script = (
        "import sys, service.app, cli\n"
        f"print(*(name for name in {HEAVY} if name in sys.modules), 'looked')"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["looked"]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_short(path: Path) -> None:
    """A file of 300 lines does too much."""
    assert len(path.read_text(encoding="utf-8").splitlines()) < MOST_LINES
