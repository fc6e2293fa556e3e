"""Recipes with a `[pruning]` section, from end to end, on toy data with tiny models."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback

from tests.tiny import tiny_bilstm, tiny_hub_tokenizer
from tests.training.builders import encoder_recipe, teacher_recipe
from training.errors import RecipeError
from training.models.checkpoints.checkpoint import load_checkpoint
from training.models.pruned.families import layers_of
from training.prune.gates import NAME
from training.tasks.classification import prepare
from training.tasks.run import run_recipe

HALF: dict[str, Any] = {"heads": 0.5, "neurons": 0.5, "importance": "distillation", "batches": 2}
SMALLER = {**HALF, "vocabulary": "data", "general_tokens": 0}


@pytest.fixture
def without_film(toy: Path, tmp_path: Path) -> Path:
    """Training texts that lack one of the vocabulary's words."""
    lines = (toy / "train.tsv").read_text(encoding="utf-8").splitlines()
    path = tmp_path / "without.tsv"
    kept = [line for line in lines if "film" not in line.split("\t")[0].split()]
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return path


class Stopped(Exception):
    """As if the process had been killed."""


class StopAt(TrainerCallback):
    """Stops a run after a step at which it has saved."""

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """The first save from step 40 on."""
        if state.global_step >= 40:
            raise Stopped


def test_cut_at_once(toy: Path, teacher: Path, without_film: Path, tmp_path: Path) -> None:
    """A checkpoint of smaller matrices and fewer tokens, nearly as good; the numbers are told."""
    recipe = encoder_recipe(
        toy,
        teacher,
        pruning=SMALLER,
        data__train=str(without_film),
        distillation__losses={"kl": 1.0, "hidden": 1.0},  # the latter of tokens with other ids
    )
    metrics = run_recipe(recipe, tmp_path / "student")
    found, whole = load_checkpoint(str(tmp_path / "student")), load_checkpoint(str(teacher))
    assert metrics["test"]["accuracy"] > 0.9
    told = metrics["pruning"]
    assert told["heads"] == [layer.heads for layer in layers_of(found.model)] == [1, 1]
    assert told["neurons"] == [32, 32]
    assert told["parameters"] == found.parameters < told["parameters_before"] == whole.parameters
    assert told["vocabulary"] == len(found.hub_tokenizer) < told["vocabulary_before"]
    assert told["layer_parameters"] < 0.52 * told["layer_parameters_before"]
    assert found.recipe is not None
    assert found.recipe.pruning == recipe.pruning
    assert (
        metrics["key"]
        != run_recipe(
            encoder_recipe(toy, teacher, pruning=HALF, training__epochs=1), tmp_path / "other"
        )["key"]
    )


def test_layers_are_left_out_as_well(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """Of the layers that stay half is cut out, and the whole teacher teaches them."""
    losses = {"kl": 1.0, "hidden": 1.0}
    recipe = encoder_recipe(
        toy, teacher, pruning=SMALLER, model__depth=1, distillation__losses=losses
    )
    metrics = run_recipe(recipe, tmp_path / "student")
    found = load_checkpoint(str(tmp_path / "student"))
    (layer,) = layers_of(found.model)
    assert metrics["test"]["accuracy"] > 0.9
    assert (metrics["pruning"]["heads"], metrics["pruning"]["neurons"]) == ([1], [32])
    assert (layer.heads, layer.neurons) == (1, 32)


@pytest.mark.parametrize("importance", ["magnitude", "taylor", "distillation"])
def test_before_recovery_it_is_the_masked_teacher(
    toy: Path, teacher: Path, tmp_path: Path, importance: str
) -> None:
    """Cut as the recipe says, it says what the teacher says with the same heads shut off."""
    recipe = encoder_recipe(toy, teacher, pruning={**HALF, "importance": importance})
    model = prepare(recipe, tmp_path / "run", keep=False).model.eval()
    whole = load_checkpoint(str(teacher)).model
    for layer, heads in zip(layers_of(whole), model.config.kept_heads, strict=True):
        shut = torch.zeros(layer.heads)
        shut[heads] = 1
        with torch.no_grad():
            layer.context.weight.mul_(shut.repeat_interleave(layer.head_size))
    # Which neurons: those whose rows are left.
    for mine, layer in zip(layers_of(model), layers_of(whole), strict=True):
        same = (layer.inner.weight[:, None] == mine.inner.weight[None]).all(dim=-1).any(dim=1)
        assert int(same.sum()) == 32
        with torch.no_grad():
            layer.outer.weight.mul_(same)
    ids = torch.tensor([[2, 6, 15, 20, 3]])
    with torch.inference_mode():
        assert torch.allclose(model(ids).logits, whole(ids).logits, atol=1e-6)


def test_reconstructed_it_is_nearer_its_teacher(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """Before any training, and of the very same heads and neurons."""
    ids = torch.tensor([[2, 6, 15, 20, 3], [2, 8, 9, 30, 3]])
    whole = load_checkpoint(str(teacher)).model.eval()
    found = []
    for reconstruction in (False, True):
        recipe = encoder_recipe(toy, teacher, pruning={**HALF, "reconstruction": reconstruction})
        found.append(prepare(recipe, tmp_path / "run", keep=False).model.eval())
    plain, fitted = found
    assert plain.config.kept_heads == fitted.config.kept_heads
    with torch.inference_mode():
        wanted, *said = (model(ids).logits for model in (whole, plain, fitted))
    missed = [(one - wanted).square().mean() for one in said]
    assert missed[1] < 0.2 * missed[0]


def test_gradual_cuts_and_resume(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """Cut by and by while it trains; stopped in between, it ends as one that was not."""
    gradual = {**HALF, "cuts": 3, "until": 0.7}
    recipe = encoder_recipe(
        toy, teacher, pruning=gradual, training__epochs=4, training__evaluations_per_epoch=4
    )
    with pytest.raises(Stopped):
        run_recipe(recipe, tmp_path / "student", callbacks=[StopAt()])
    resumed = run_recipe(recipe, tmp_path / "student", resume=True)
    whole = run_recipe(recipe, tmp_path / "whole")
    assert resumed["pruning"] == whole["pruning"]
    assert resumed["pruning"]["heads"] == [1, 1]
    assert resumed["pruning"]["neurons"] == [32, 32]
    found, other = (load_checkpoint(str(tmp_path / name)) for name in ("student", "whole"))
    assert found.sha256 == other.sha256
    assert not [name for name in found.model.state_dict() if NAME in name]
    assert resumed["test"]["accuracy"] > 0.9


def test_reconstructed_and_resumed(
    toy: Path, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that goes on has its weights already: it ends as one that was not stopped."""
    pruning = {**HALF, "reconstruction": True}
    recipe = encoder_recipe(
        toy, teacher, pruning=pruning, training__epochs=4, training__evaluations_per_epoch=4
    )
    whole = run_recipe(recipe, tmp_path / "whole")
    with pytest.raises(Stopped):
        run_recipe(recipe, tmp_path / "student", callbacks=[StopAt()])
    monkeypatch.delattr("training.prune.pruning.reconstruct")
    resumed = run_recipe(recipe, tmp_path / "student", resume=True)
    assert resumed["pruning"] == whole["pruning"]
    found, other = (load_checkpoint(str(tmp_path / name)) for name in ("student", "whole"))
    assert found.sha256 == other.sha256


def test_the_kept_checkpoint_is_from_after_the_last_cut(
    toy: Path, teacher: Path, tmp_path: Path
) -> None:
    """One from before has heads that the model has not; the best of those would be cut anew."""
    recipe = encoder_recipe(
        toy, teacher, pruning={**HALF, "cuts": 2, "until": 0.6}, training__evaluations_per_epoch=4
    )
    job = prepare(recipe, tmp_path / "run")
    job.trainer.train()
    best = job.trainer.state.best_global_step
    assert best is not None
    assert best > 0.6 * job.trainer.state.max_steps
    gates = job.cutting.gates
    assert gates is not None
    assert int(gates.get_buffer("heads_0").sum()) == 1


def test_of_labels_alone(toy: Path, tmp_path: Path) -> None:
    """Without a teacher, Taylor's importance and the labels; all heads across the model."""
    pruning = {"heads": 0.5, "neurons": 0.25, "importance": "taylor", "allocation": "model"}
    metrics = run_recipe(teacher_recipe(toy, pruning=pruning), tmp_path / "small")
    assert sum(metrics["pruning"]["heads"]) == 2
    assert min(metrics["pruning"]["neurons"]) >= 16
    assert metrics["test"]["accuracy"] > 0.9


def test_masked(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """Zeros that stay zeros through training and a stop, in a file as large as before."""
    recipe = encoder_recipe(
        toy,
        teacher,
        pruning={"kind": "mask", "sparsity": 0.6},
        training__evaluations_per_epoch=4,
    )
    with pytest.raises(Stopped):
        run_recipe(recipe, tmp_path / "student", callbacks=[StopAt()])
    metrics = run_recipe(recipe, tmp_path / "student", resume=True)
    told = metrics["pruning"]
    assert told["sparsity_of_layers"] == pytest.approx(0.6, abs=0.001)
    assert told["parameters"] == told["parameters_before"]
    assert "no less time" in told["note"]
    model = load_checkpoint(str(tmp_path / "student")).model
    assert (layers_of(model)[0].inner.weight == 0).float().mean() == pytest.approx(0.6, abs=0.001)
    assert metrics["test"]["accuracy"] > 0.9
    assert json.loads((tmp_path / "student" / "metrics.json").read_text())["pruning"] == told


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model__architecture": "bilstm", "pruning": HALF}, "take model.architecture"),
        ({"pruning": {}}, "nothing is cut"),
        ({"pruning": {"heads": 0.0}}, "greater than 0"),
        ({"pruning": {"kind": "mask"}}, "sparsity is missing"),
        ({"pruning": {"kind": "mask", "sparsity": 0.5, "heads": 0.5}}, "leave heads, neurons"),
        ({"pruning": {"heads": 0.5, "sparsity": 0.5}}, 'of kind = "mask"'),
        (
            {"pruning": HALF, "distillation__losses": {"attention": 1.0}},
            "compares head with head",
        ),
        ({"pruning": HALF, "distillation__losses": {"hard": 1.0}}, "how far the teacher is missed"),
    ],
)
def test_refused_recipes(toy: Path, teacher: Path, changes: dict[str, Any], says: str) -> None:
    """When they are read, with what to do."""
    with pytest.raises(RecipeError, match=says):
        encoder_recipe(toy, teacher, **changes)


def test_refused_models(toy: Path, tmp_path: Path) -> None:
    """Families and tokens that cannot be, before anybody is asked for labels."""
    model = tiny_bilstm()
    model.save_pretrained(tmp_path / "bilstm")
    tiny_hub_tokenizer().save_pretrained(tmp_path / "bilstm")
    for pruning in (HALF, {"vocabulary": "data"}, {"kind": "mask", "sparsity": 0.5}):
        recipe = encoder_recipe(toy, tmp_path / "bilstm", pruning=pruning)
        with pytest.raises(RecipeError):
            prepare(recipe, tmp_path / "run", keep=False)


def test_rare_tokens_and_losses_by_token(toy: Path, teacher: Path, tmp_path: Path) -> None:
    """Texts that fall into other tokens cannot be compared token by token; logits can."""
    rare = {**SMALLER, "vocabulary_count": 50, "general_tokens": 0}
    losses = {"kl": 1.0, "hidden": 1.0}
    with pytest.raises(RecipeError, match="compares token with token"):
        prepare(
            encoder_recipe(toy, teacher, pruning=rare, distillation__losses=losses),
            tmp_path / "run",
            keep=False,
        )
    job = prepare(encoder_recipe(toy, teacher, pruning=rare), tmp_path / "run", keep=False)
    assert job.reading.tokenizer.highest_id + 1 < 80
