"""Who takes part: the service, its cascades and the peers, each ready to be started."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.catalogue import CASCADE, COMMON, FOLDER, PEERS, SERVICE, Form, Peer, Settings
from benchmarks.peers.errors import EnvironmentMissing, PeersError
from benchmarks.peers.figures.results import Contender
from benchmarks.peers.servers import environments
from benchmarks.peers.servers.repository import Cascade
from benchmarks.peers.servers.server import Launch

OURS = "stillhouse"
# No line a request from any contender; errors only.
OUR_SETTINGS = {"STILLHOUSE_ACCESS_LOG": "false", "STILLHOUSE_LOG_LEVEL": "error"}
# One thread, and no reports of ONNX Runtime to its maker, for every contender.
ENGINE = {"OMP_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}


@dataclass(frozen=True, slots=True)
class Entrant:
    """A contender, and how it is started. `models` answer: all must agree on a known text."""

    contender: Contender
    launch: Launch
    models: tuple[str, ...]


def service(
    command: Path,
    repository: Path,
    model: str,
    cascade: Cascade | None,
    port: int,
    *,
    bfloat16: bool = False,
    told_apart: str = "",
) -> Entrant:
    """The service itself, asked for a model or a cascade.

    Args:
        command: `stillhouse` of an environment with the service.
        repository: what it serves.
        model: that its peers serve.
        cascade: asked in place of the model, if given.
        bfloat16: have the model run so.
        told_apart: what its name ends with, where it takes part more than once.

    Raises:
        EnvironmentMissing: the command is not there.
    """
    if not command.is_file():
        raise EnvironmentMissing(
            f"{command} is not there: `make .venv/installed` makes the service's environment, "
            "--stillhouse names another"
        )
    asked = cascade.name if cascade else model
    name = f"{OURS}:{cascade.name}" if cascade else OURS
    name += told_apart
    settings: Settings = OUR_SETTINGS
    engines: tuple[str, ...] = environments.ENGINES
    if bfloat16:
        name += ":bfloat16"
        settings = {**settings, "STILLHOUSE_BFLOAT16": model}
        engines = (*engines, "openvino")
    words = (str(command.absolute()), "serve", "--models", str(repository.absolute()))
    form = Form(
        "/predict",
        lambda text: {"inputs": text, "model": asked},
        lambda answer: str(answer["predictions"][0]["label"]),
    )
    versions = environments.versions(command.parent / "python", (OURS, *engines))
    return Entrant(
        Contender(
            name=name,
            kind=CASCADE if cascade else SERVICE,
            command="stillhouse serve --models MODELS --port PORT",
            path=form.path,
            note="access log off, errors only; as shipped otherwise",
            versions=versions,
            settings=settings,
            tuned=False,
        ),
        Launch(
            name=name,
            command=(*words, "--port", str(port)),
            folder=None,
            environment={**settings, **ENGINE, "PYTHONPATH": ""},
            form=form,
            port=port,
        ),
        cascade.chain if cascade else (model,),
    )


def peer(
    peer: Peer, version: Path, root: Path, port: int, settings: Settings, tuned: bool
) -> Entrant:
    """A peer that serves one version's files.

    Raises:
        EnvironmentMissing: its environment is not there.
    """
    binaries = environments.find(peer.folder, root)
    words = tuple(word.format(bin=binaries, port=port) for word in peer.command)
    return Entrant(
        Contender(
            name=peer.name,
            kind=peer.kind,
            command=" ".join(peer.command).replace("{bin}/", "").replace("{port}", "PORT"),
            path=peer.form.path,
            note=peer.note,
            versions=environments.versions(
                binaries / "python", (peer.package, *environments.ENGINES)
            ),
            settings=settings,
            tuned=tuned,
        ),
        Launch(
            name=peer.name,
            command=words,
            folder=FOLDER / peer.folder,
            environment={
                **{
                    name: value.replace("{port}", str(port))
                    for name, value in peer.constant.items()
                },
                **settings,
                **ENGINE,
                "MODEL_DIR": str(version),
                "PORT": str(port),
                "PYTHONPATH": str(COMMON),
            },
            form=peer.form,
            port=port,
        ),
        (version.parent.name,),
    )


def named(names: Sequence[str]) -> list[Peer]:
    """The peers of these names, each once.

    Raises:
        PeersError: there is none of some name.
    """
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise PeersError(f"no peer is called {unknown[0]!r}; there are: {', '.join(PEERS)}")
    return [PEERS[name] for name in dict.fromkeys(names)]
