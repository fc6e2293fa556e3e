"""A checkpoint in PyTorch's own dynamic INT8, as a model to be measured."""

from dataclasses import replace

from export.bench.loading import Loaded
from export.bench.weights import counted_in_modules
from export.errors import ExportError
from export.quantize.torch_int8 import saved_bytes, torch_int8
from training.models.checkpoints.checkpoint import Checkpoint


def in_torch_int8(loaded: Loaded) -> Loaded:
    """A checkpoint with its linear and recurrent layers in INT8, as a model of its own.

    Raises:
        ExportError: it has none, or PyTorch cannot do it here.
    """
    assert isinstance(loaded.model, Checkpoint)
    try:
        model = torch_int8(loaded.model.model)
    except ExportError as error:
        raise ExportError(f"{loaded.title}: leave out --torch-int8: {error}") from error
    return replace(
        loaded,
        title=f"{loaded.title} (torch INT8)",
        model=replace(loaded.model, model=model),
        precision="int8, dynamic",
        bytes=saved_bytes(model),
        counted=loaded.counted._replace(sparsity=counted_in_modules(model)),
    )
