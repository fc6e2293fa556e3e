"""What all tasks share: a version's files brought into memory, checked, and its graph run.

Synchronous and stateless between calls. Export measures parity through these very classes.
Knows nothing of queues or HTTP, nor of what outputs mean.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from service.errors import FileError, RepositoryError
from service.repository.files import verify_files
from service.repository.manifest import MODEL_FILE, TOKENIZER_FILE, Manifest, read_manifest
from service.repository.sections import Windows
from service.runtime.engine import NAME as BFLOAT16
from service.runtime.engine import Bfloat16Session, Session, open_session
from service.runtime.graph import files_read
from service.runtime.model import Input, Item, Output, Pair
from service.runtime.tokenizer import Tokenizer

Float32Array = npt.NDArray[np.float32]
LONGEST_WARM_UP = 8192  # tokens: of a model that says it reads a billion, a load tries no more


class OnnxModel(ABC):
    """A version in memory: its tokeniser and a session of its graph.

    Args:
        manifest: of the version that `session` was made from.
        tokenizer: of the same version.
        session: of an engine, with the manifest's inputs and outputs.

    Attributes:
        reading: two models with the same value encode every input alike.
    """

    def __init__(self, manifest: Manifest, tokenizer: Tokenizer, session: Session) -> None:
        self.manifest = manifest
        self.tokenizer = tokenizer
        self._session = session
        self.reading = (
            f"{manifest.files[TOKENIZER_FILE].sha256}:{manifest.max_length}"
            f":{tokenizer.truncation_side}:{tokenizer.special_tokens}"
        )
        self._outputs = [manifest.outputs[0]]
        self._takes_types = "token_type_ids" in manifest.inputs

    @classmethod
    def load(cls, directory: Path, threads: int = 1, bfloat16: bool = False) -> Self:
        """Reads a version's directory, every hash checked.

        Args:
            threads: intra-op threads of the session.
            bfloat16: have OpenVINO run it so; see `runtime.engine`.

        Raises:
            RepositoryError: the manifest or a file is not as published, or the model cannot run.
        """
        try:
            manifest = read_manifest(directory)
            verify_files(directory, manifest, root=directory.parent.parent)
            _check_files_read(directory / MODEL_FILE, manifest)
            if bfloat16 and manifest.precision == "int8":
                raise FileError(
                    f"{directory.parent.name}/{directory.name} is in INT8, and bfloat16 is for "
                    f"models in FP32: take it out of {BFLOAT16}"
                )
            tokenizer = Tokenizer.from_file(
                directory / TOKENIZER_FILE,
                manifest.max_length,
                manifest.pad_id,
                "right" if manifest.schema_version == 1 else None,  # 1 knew no other side
                manifest.special_tokens,
            )
            graph = directory / MODEL_FILE
            session: Session
            if bfloat16:
                session = Bfloat16Session(graph, threads)
            else:
                bits = manifest.quantization.weight_bits if manifest.quantization else 7
                session = open_session(graph, threads, manifest.disabled_optimizers, bits)
            model = cls(manifest, tokenizer, session)
            model._warm_up()
        except RepositoryError:
            raise
        except Exception as error:  # ONNX Runtime raises many kinds for a graph it cannot run
            place = f"{directory.parent.name}/{directory.name}"
            raise FileError(f"{place}: {str(error) or type(error).__name__}") from error
        return model

    def _warm_up(self) -> None:
        """Runs the model on batches of many kinds, since what fails would fail a request.

        Raises:
            FileError: it gives something else than what its manifest says.
        """
        place = f"{self.manifest.name}/{self.manifest.version}"
        taken = tuple(node.name for node in self._session.get_inputs())
        if set(taken) != set(self.manifest.inputs):
            raise FileError(
                f"{place}: {MODEL_FILE} takes {taken}, its manifest says {self.manifest.inputs}"
            )
        if self.manifest.pairs and self.tokenizer.pair_room < 2:
            raise FileError(f"{place}: its tokenizer has no room for the two texts of a pair")
        windows = self.manifest.windows
        if self.manifest.pairs and windows and windows.stride >= self.tokenizer.pair_room - 1:
            raise FileError(f"{place}: its windows of pairs share all that there is room for")
        probes: list[Input] = ["a", "warm up this model"]
        if self.manifest.pairs:
            probes = [Pair("a", "b"), Pair("warm up", "this model")]
        highest = self.tokenizer.highest_id
        short, long = self.encode(probes, windows)
        last = Item([*long.ids[:-1], highest], truncated=False, type_ids=long.type_ids)
        full = Item([highest] * min(self.manifest.max_length, LONGEST_WARM_UP), truncated=True)
        for batch in ([short], [last], [short, last], [full]):
            found = self.output(batch)
            wanted = self.output_shape(len(batch), max(map(len, batch)))
            if found.shape != wanted:
                raise FileError(
                    f"{place}: {len(batch)} texts give {self._outputs[0]} of {found.shape}, "
                    f"not {wanted}"
                )
            if not np.isfinite(found).all():
                raise FileError(f"{place}: its {self._outputs[0]} are not finite")
            with np.errstate(all="ignore"):
                self.check_output(place, found)

    @abstractmethod
    def run(self, batch: Sequence[Item]) -> Sequence[Output]:
        """See `Runnable.run`."""

    @abstractmethod
    def joined(self, item: Item, outputs: Sequence[Output], windows: Windows) -> Output:
        """See `Model.joined`."""

    @abstractmethod
    def output_shape(self, rows: int, tokens: int) -> tuple[int, ...]:
        """Of the graph's output, for a batch of so many rows and its padded length."""

    def check_output(self, place: str, output: Float32Array) -> None:  # noqa: B027  most have none
        """Raises FileError where nothing can be said by a finite output of the right shape.

        Args:
            place: of the version, for the message.
        """

    def prompted(self, inputs: Sequence[Input], name: str | None) -> Sequence[Input]:  # noqa: ARG002  most tasks have none
        """See `Model.prompted`."""
        return inputs

    def encode(self, inputs: Sequence[Input], windows: Windows | None = None) -> list[Item]:
        """Tokenises inputs, in their order; see `Model.encode`."""
        return self.tokenizer.encode(inputs, windows)

    def output(self, items: Sequence[Item]) -> Float32Array:
        """Runs the graph on one padded batch."""
        input_ids, attention_mask = self.tokenizer.pad(items)
        feed: dict[str, npt.NDArray[Any]] = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
        }
        if self._takes_types:
            feed["token_type_ids"] = self.tokenizer.type_ids(items)
        found: Float32Array = self._session.run(self._outputs, feed)[0]
        return found

    def run_shape(self, rows: int, tokens: int) -> None:
        """Runs the model on so many texts of so many tokens, to see how long it takes."""
        ids = [self.tokenizer.pad_id] * min(tokens, self.manifest.max_length)
        self.output([Item(ids, truncated=False)] * rows)


def _check_files_read(model: Path, manifest: Manifest) -> None:
    """Raises FileError if the graph reads a file that the manifest does not name."""
    for name in sorted(files_read(model)):
        if str(PurePosixPath(name)) not in manifest.files:
            raise FileError(
                f"{manifest.name}/{manifest.version}: {MODEL_FILE} reads {name!r}, which is not in "
                "the manifest"
            )
