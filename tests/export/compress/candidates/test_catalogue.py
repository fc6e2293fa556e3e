"""Which candidates there are."""

from pathlib import Path

import pytest

from export.compress.candidates.catalogue import Wanted, depths
from export.errors import ExportError
from tests.tiny import tiny_checkpoint, tiny_encoder, tiny_encoder_checkpoint
from training.models.checkpoints.checkpoint import Checkpoint, load_checkpoint
from training.recipe.models import EncoderModel

NAMED = {"data.train": "given", "distillation.teacher": "given"}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A teacher of two layers."""
    folder = tmp_path_factory.mktemp("teacher")
    return load_checkpoint(str(tiny_encoder_checkpoint(folder / "teacher")))


def names(teacher: Checkpoint, *wanted: str) -> list[str]:
    """Of the candidates that are found, in their order."""
    return [one.name for one in Wanted(wanted, NAMED).found(teacher)]


def test_all_cheapest_first(teacher: Checkpoint) -> None:
    """All that ship, with as many layers as there are to choose."""
    encoders = ["pruned-1", "layers-1", "pruned"]
    assert names(teacher, "all") == ["linear", "nano", "bilstm", *encoders]
    assert names(teacher, "layers", "nano") == ["nano", "layers-1"]


def test_each_start_is_one(teacher: Checkpoint, tmp_path: Path) -> None:
    """It comes after as many of the teacher's own layers, which cost as much."""
    start = tiny_encoder().bert
    start.config.num_hidden_layers = 1
    start.save_pretrained(tmp_path / "one")
    starts = (str(tmp_path / "one"),)
    found = Wanted(("all",), NAMED, starts=starts).found(teacher)
    layers = ["pruned-1", "layers-1", "general-1"]
    assert [one.name for one in found] == ["linear", "nano", "bilstm", *layers, "pruned"]
    (general,) = (one for one in found if one.name == "general-1")
    assert isinstance(general.recipe.model, EncoderModel)
    assert (general.recipe.model.base, general.recipe.model.depth) == (*starts, None)
    with pytest.raises(ExportError, match="several encoders have 1 layers"):
        Wanted(("general",), NAMED, starts=(*starts, *starts)).found(teacher)
    with pytest.raises(ExportError, match="--start nowhere: no encoder is there"):
        Wanted(("general",), NAMED, starts=("nowhere",)).found(teacher)
    with pytest.raises(ExportError, match="give --start"):
        Wanted(("general",), NAMED).first()


def test_a_recipe_of_ones_own(teacher: Checkpoint, tmp_path: Path) -> None:
    """It is called by its name, and its data are everybody's."""
    text = Path("training/recipes/student-nano.toml").read_text(encoding="utf-8")
    mine = tmp_path / "mine.toml"
    mine.write_text(text.replace('"student-nano"', '"mine"').replace("= 128", "= 64"))
    assert names(teacher, "nano", str(mine)) == ["nano", "mine"]
    assert Wanted((str(mine), "nano"), NAMED).first().data.max_length == 64


def test_recipes_of_ones_own_stand_by_what_they_cost(teacher: Checkpoint, tmp_path: Path) -> None:
    """A convolution is cheaper than an encoder, and few layers than more, whatever their names."""

    def own(name: str, like: str, **changes: str) -> str:
        text = Path(f"training/recipes/student-{like}.toml").read_text(encoding="utf-8")
        for before, after in {f'"student-{like}"': f'"{name}"', **changes}.items():
            assert before in text
            text = text.replace(before, after)
        path = tmp_path / f"{name}.toml"
        path.write_text(text)
        return str(path)

    large = own("a-large-one", "layers", **{"depth = 0.5": "depth = 5"})
    cut = own("b-cut-one", "pruned-layers", **{"depth = 0.5": "depth = 5"})
    small = own("c-small-one", "nano")
    found = names(of_depth(6), large, cut, small, "layers", "bilstm")
    layers = ["layers-1", "layers-2", "layers-3", "b-cut-one", "layers-4", "a-large-one"]
    assert found == ["c-small-one", "bilstm", *layers]
    twin = own("nano", "nano", **{"filters = 128": "filters = 64"})
    again = Path(twin).rename(tmp_path / "again.toml")
    with pytest.raises(ExportError, match="two candidates are called 'nano'"):
        names(teacher, "nano", str(again))


def test_overrides_are_of_all(teacher: Checkpoint) -> None:
    """What a user sets is set in every recipe."""
    found = Wanted(("all",), NAMED, ("training.batch_size=7",)).found(teacher)
    assert {one.recipe.training.batch_size for one in found} == {7}


def test_depths() -> None:
    """A sixth, a third, half and two thirds of the layers."""
    assert depths(6) == [1, 2, 3, 4]
    assert depths(12) == [2, 4, 6, 8]
    assert depths(2) == [1]
    assert depths(1) == []


def of_depth(layers: int) -> Checkpoint:
    """A teacher that says that it has so many."""
    deep = tiny_checkpoint(tiny_encoder())
    deep.model.config.num_hidden_layers = layers
    return deep


def test_layers_that_are_cut_stand_among_whole_ones() -> None:
    """By what they cost."""
    encoders = ["layers-1", "layers-2", "pruned-3", "layers-3", "pruned", "layers-4"]
    assert names(of_depth(6), "all") == ["linear", "nano", "bilstm", *encoders]
    encoders = ["layers-1", "layers-2", "layers-3", "pruned-4", "pruned", "layers-4"]
    assert names(of_depth(6), "layers", "pruned", "pruned-4") == encoders
    assert names(of_depth(1), "all") == ["linear", "nano", "bilstm", "pruned"]
    encoders = ["layers-2", "layers-4", "pruned-6", "layers-6", "pruned", "layers-8"]
    assert names(of_depth(12), "pruned-6", "pruned", "layers") == encoders


def test_a_pruned_teacher_of_fewer_layers() -> None:
    """Its layers lose less each than those of the whole one, and it learns as whole layers do."""
    found = Wanted(("pruned", "pruned-3", "layers-3"), NAMED).found(of_depth(6))
    cut, layers, half = found
    assert [one.name for one in found] == ["pruned-3", "layers-3", "pruned"]
    assert isinstance(cut.recipe.model, EncoderModel)
    assert (cut.recipe.model.depth, cut.recipe.name) == (3, "student-pruned-3")
    assert cut.recipe.pruning is not None
    assert half.recipe.pruning is not None
    assert cut.recipe.pruning.neurons > half.recipe.pruning.neurons
    assert cut.recipe.training == layers.recipe.training
    assert cut.recipe.distillation == layers.recipe.distillation
    with pytest.raises(ExportError, match="pruned-6: the teacher has 6 layers, so ask for fewer"):
        Wanted(("pruned-6",), NAMED).found(of_depth(6))


@pytest.mark.parametrize(
    "name", ["nonsense", "layers-", "layers-x", "layers-0", "pruned-0", "teacher-1"]
)
def test_a_name_of_none(name: str) -> None:
    """It is told at once, with those that there are."""
    with pytest.raises(ExportError, match="there are all, linear"):
        Wanted((name,), NAMED).first()


@pytest.mark.parametrize("name", ["pruned", "pruned-3"])
def test_soft_labels_cannot_be_pruned(name: str) -> None:
    """A file of them is no model."""
    with pytest.raises(ExportError, match=f"{name}: it cuts heads and neurons out of the teacher"):
        Wanted((name,), NAMED, base="encoder").first()


def test_the_teacher_itself() -> None:
    """It is one of all, and one by its name."""
    assert Wanted(("all",)).itself
    assert Wanted(("nano", "teacher")).itself
    assert not Wanted(("nano",)).itself
