"""What cannot be written is one line that says how to go on."""

from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from safetensors import SafetensorError
from transformers import PreTrainedModel

from cli import main
from tests.training.builders import teacher_recipe
from training.loop.resuming import writing


@pytest.mark.parametrize("which", [0, -1], ids=["first", "last"])
def test_a_full_disk_loses_no_work(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    """While it trains or when all is done, the same command goes on once there is room."""
    recipe = teacher_recipe(toy, training__epochs=1, training__evaluations_per_epoch=1)
    (tmp_path / "recipe.toml").write_text(recipe.to_toml())
    output = tmp_path / "m"
    command = ["train", "--recipe", str(tmp_path / "recipe.toml"), "--output", str(output)]
    saves = PreTrainedModel.save_pretrained

    def full(self: Any, place: Any, *args: Any, **options: Any) -> None:
        if (Path(place).parent.name == "m.run") == (which == 0):
            raise SafetensorError("Error while serializing: I/O error: No space left on device")
        saves(self, place, *args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(PreTrainedModel, "save_pretrained", full)
        stopped = CliRunner().invoke(main, command)
    assert stopped.exit_code == 1
    assert isinstance(stopped.exception, SystemExit)
    place = tmp_path / ("m" if which else "m.run")
    assert f"Error: {place}: Error while serializing" in stopped.output
    assert "No space left on device: make room there, and give the same command with --resume" in (
        stopped.output
    )
    assert not output.exists()
    assert CliRunner().invoke(main, [*command, "--resume"]).exit_code == 0
    assert output.exists()


def test_only_what_was_written_is_told_so(tmp_path: Path) -> None:
    """Of torch's errors those of its files; others stay what they are."""
    with pytest.raises(OSError, match="inline_container"), writing(tmp_path):
        raise RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0")
    with pytest.raises(torch.OutOfMemoryError), writing(tmp_path):
        raise torch.OutOfMemoryError("no memory")
