"""Starts bare ONNX Runtime in a peer's environment: the engine's limit, and the right labels."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from benchmarks.peers.catalogue import COMMON
from benchmarks.peers.errors import PeersError
from benchmarks.peers.figures.results import BareVisit
from benchmarks.peers.servers.server import Known

SURE = 0.75  # above it, no batching of an INT8 model turns a label over
KNOWN = 32  # texts that a server is checked on

BARE_VISIT: TypeAdapter[BareVisit] = TypeAdapter(BareVisit)


class Bare:
    """Bare ONNX Runtime, one thread on one core, each call a process of its own.

    Args:
        python: an interpreter with onnxruntime, tokenizers and numpy.
        core: where it runs.
        texts: a file with one text a line.
    """

    def __init__(self, python: Path, core: int, texts: Path) -> None:
        self._python = python
        self._core = core
        self._texts = texts

    def speed(self, model: Path, round_: int, seconds: float) -> BareVisit:
        """Measures a model's directory for about so many seconds."""
        found = self._run(model, "speed", str(seconds))
        return BARE_VISIT.validate_python({**found, "round": round_})

    def known(self, models: Sequence[Path]) -> list[Known]:
        """Texts on which all of the models give the same label, the surest of each label.

        Raises:
            PeersError: they are sure of one label at most, so that a check would be worth nothing.
        """
        texts = self._texts.read_text(encoding="utf-8").splitlines()
        answers = [self._run(model, "labels")["answers"] for model in models]
        known: dict[str, list[tuple[float, Known]]] = {}
        for text, *given in zip(texts, *answers, strict=True):
            labels, least = {label for label, _ in given}, min(score for _, score in given)
            if len(labels) == 1 and least > SURE:
                label = labels.pop()
                known.setdefault(label, []).append((least, Known(text, label)))
        if len(known) < 2:
            raise PeersError(
                "the models are not sure enough of the texts to check the servers' answers with"
            )
        share = KNOWN // len(known)
        surest = (sorted(found, key=lambda pair: -pair[0])[:share] for found in known.values())
        return [one for found in surest for _, one in found]

    def _run(self, model: Path, what: str, *more: str) -> dict[str, Any]:
        done = subprocess.run(  # noqa: S603  our own module
            [
                *("taskset", "-c", str(self._core), str(self._python)),
                *(str(COMMON / "bare.py"), what, str(self._texts), *more),
            ],
            env={**os.environ, "MODEL_DIR": str(model), "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise PeersError(f"bare ONNX Runtime broke off on {model}: {done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(done.stdout)
        return found
