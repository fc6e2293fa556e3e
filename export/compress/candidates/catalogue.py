"""The candidates: which recipes are tried in a teacher's place, in the order of their cost.

A kind is a recipe that ships, `training/recipes/student-<kind>.toml`, or one of the user's. One
kind has several candidates, `layers-1` to two thirds of the teacher's, and each encoder that was
taught on general text before is one, `general-2`. `pruned` is the whole teacher with half of it cut
out, and `pruned-3` three of its layers with less cut out of each. Trains and measures nothing.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from export.errors import ExportError
from training.loop.schedule import rate_for, width_of
from training.models.checkpoints.checkpoint import Checkpoint
from training.recipe.models import EncoderModel, LinearModel
from training.recipe.recipe import Recipe, load_recipe, shipped_recipe, with_values

KINDS = ("linear", "nano", "bilstm", "layers", "pruned")  # that ship, cheapest first
ITSELF = "teacher"  # the teacher in INT8: nothing is trained
GENERAL = "general"  # what --start gives
WHOLE = "encoder"  # the base, fine-tuned whole: where there is no teacher to do better by
OF_LABELS = ("linear", "nano", "bilstm", "layers", WHOLE)  # where the teacher is a file of labels
CUT = {  # candidates that are made of the teacher itself
    "pruned": "it cuts heads and neurons out of the teacher",
    ITSELF: "it is the teacher in INT8",
}
# What a layer costs by what is left of it, for an order: a part whatever is cut out of it, and the
# rest by its products, of which a third are the attention's; docs/experiments.md has times.
LAYER, ATTENTION = 0.2, 1 / 3
ROWS = (12_000, 40_000)  # of texts and altered copies: more help one set and harm another
ALL = "all"
RATES = (0.5, 0.71, 1.41, 2.0)  # of the learning rate: what a second trial may take instead


@dataclass(frozen=True)
class Candidate:
    """A recipe to try.

    Attributes:
        recipe: whole, but for its data, which all candidates share.
        choices: of the values that a further trial may change, by their dotted names.
    """

    name: str
    recipe: Recipe
    choices: Mapping[str, Sequence[Any]]

    @property
    def precisions(self) -> tuple[str, ...]:
        """That it is exported in, the cheapest first; a linear model has no product to quantise."""
        return ("fp32",) if self.is_baseline else ("int8", "fp32")

    @property
    def is_baseline(self) -> bool:
        """Whether it is what every other has to beat: it is trained whole, whatever it comes to."""
        return isinstance(self.recipe.model, LinearModel)


@dataclass(frozen=True)
class Wanted:
    """The candidates that were asked for, before the teacher is known.

    Attributes:
        names: kinds, names such as `layers-2`, or paths of recipes that end in `.toml`.
        named: values of every recipe by dotted names, such as `data.train`.
        overrides: the user's own, such as `training.epochs=1`, over all others.
        base: the encoder that candidates start from, where the teacher is a file of soft labels.
        starts: encoders that were taught on general text, each a candidate of its own.
    """

    names: tuple[str, ...]
    named: Mapping[str, Any] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    base: str | None = None
    starts: tuple[str, ...] = ()

    def first(self) -> Recipe:
        """A recipe whose data all share: the user's own, where one is given.

        Raises:
            ExportError, RecipeError: a name is of no candidate, or a recipe cannot be used.
        """
        own = [name for name in self.names if name.endswith(".toml")]
        for name in self.names:
            _refuse_unknown(name)
            if name == GENERAL and not self.starts:
                raise ExportError(f"{GENERAL} begins with an encoder of general text: give --start")
            self._refuse_unlike(name)
        return self._load(Path(own[0]) if own else shipped_recipe("student-nano"))

    def found(self, teacher: Checkpoint) -> list[Candidate]:
        """The candidates of this teacher, in the order of what they are expected to cost.

        Args:
            teacher: of a file of soft labels, the encoder that they start from.
        """
        found: dict[str, Candidate] = {}
        for name in self.names:
            for one in self._of(name, teacher):
                if found.setdefault(one.name, one).recipe != one.recipe:
                    raise ExportError(
                        f"two candidates are called {one.name!r}: give each recipe its own name"
                    )
        return sorted(found.values(), key=lambda one: _order(one.recipe, teacher))

    @property
    def itself(self) -> bool:
        """Whether the teacher in INT8 is one."""
        return self.base is None and (ALL in self.names or ITSELF in self.names)

    def absent(self) -> tuple[str, ...]:
        """Candidates of all that are none where the teacher is a file of soft labels, and why."""
        if self.base is None or ALL not in self.names:
            return ()
        return tuple(f"{name} is no candidate: {_no_model(why)}" for name, why in CUT.items())

    def _refuse_unlike(self, name: str) -> None:
        kind = name.partition("-")[0]
        if self.base is not None and kind in CUT:
            raise ExportError(
                f"{name}: {_no_model(CUT[kind])}; there are {', '.join((ALL, *OF_LABELS))}"
            )
        if self.base is None and name == WHOLE:
            raise ExportError(
                f"{name}: an encoder is fine-tuned whole where the teacher is a file of soft "
                f"labels; of a model there are {', '.join((*KINDS, ITSELF))}"
            )

    def _of(self, name: str, teacher: Checkpoint) -> Iterator[Candidate]:
        kind = name.partition("-")[0]
        if name == ALL:
            for each in (*(OF_LABELS if self.base else KINDS), GENERAL):
                yield from self._of(each, teacher)
            if self.base is None and (half := _depth(teacher) // 2):
                yield self._pruned(f"pruned-{half}", teacher)
        elif name == GENERAL:
            yield from self._general(teacher)
        elif name.endswith(".toml"):
            recipe = self._load(Path(name))
            yield Candidate(recipe.name, recipe, _choices(recipe, teacher))
        elif kind == "layers":
            yield from self._shallow(name, teacher)
        elif kind == "pruned":
            yield self._pruned(name, teacher)
        elif name != ITSELF:
            recipe = self._load(shipped_recipe(f"student-{name}"))
            yield Candidate(name, recipe, _choices(recipe, teacher))

    def _shallow(self, name: str, teacher: Checkpoint) -> Iterator[Candidate]:
        recipe = self._load(shipped_recipe("student-layers"))
        asked = self._asked(name, teacher)
        for kept in [asked] if asked else depths(_depth(teacher)):
            whole = with_values(recipe, {"model.depth": kept, "name": f"student-layers-{kept}"})
            yield Candidate(f"layers-{kept}", whole, _choices(whole, teacher))

    def _pruned(self, name: str, teacher: Checkpoint) -> Candidate:
        kept = self._asked(name, teacher)
        if kept is None:
            recipe = self._load(shipped_recipe("student-pruned"))
        else:
            layers = self._load(shipped_recipe("student-pruned-layers"))
            recipe = with_values(layers, {"model.depth": kept, "name": f"student-{name}"})
        return Candidate(name, recipe, _choices(recipe, teacher))

    def _asked(self, name: str, teacher: Checkpoint) -> int | None:
        """How many layers a name asks for."""
        _, _, asked = name.partition("-")
        depth = _depth(teacher)
        if asked and int(asked) >= depth:
            whose = "the encoder of --base" if self.base else "the teacher"
            raise ExportError(f"{name}: {whose} has {depth} layers, so ask for fewer")
        return int(asked) if asked else None

    def _general(self, teacher: Checkpoint) -> Iterator[Candidate]:
        recipe = self._load(shipped_recipe("student-general"))
        depths = [_depth_of(start) for start in self.starts]
        for start, depth in zip(self.starts, depths, strict=True):
            if depths.count(depth) > 1:
                raise ExportError(
                    f"--start: several encoders have {depth} layers: give one of them"
                )
            name = f"{GENERAL}-{depth}"
            whole = with_values(recipe, {"model.base": start, "name": f"student-{name}"})
            yield Candidate(name, whole, _choices(whole, teacher))

    def _load(self, path: Path, values: Mapping[str, Any] | None = None) -> Recipe:
        recipe = load_recipe(path, self.overrides, {**self.named, **(values or {})})
        model = recipe.model
        if self.base is None or isinstance(model, LinearModel) or model.base is not None:
            return recipe
        return with_values(recipe, {"model.base": self.base})


def depths(depth: int) -> list[int]:
    """How many layers are kept of so many: a sixth, a third, half and two thirds of them."""
    kept = {round(depth / 6), round(depth / 3), depth // 2, round(depth * 2 / 3)}
    return sorted(kept - {0, depth})


def _no_model(why: str) -> str:
    return f"{why}, and the teacher is a file of soft labels, without a model"


def _refuse_unknown(name: str) -> None:
    kind, _, number = name.partition("-")
    layers = kind in ("layers", "pruned") and number.isdecimal() and int(number) > 0
    if (
        name not in (ALL, ITSELF, WHOLE, GENERAL, *KINDS)
        and not layers
        and not name.endswith(".toml")
    ):
        raise ExportError(
            f"no candidate {name!r}: there are {', '.join((ALL, *KINDS, 'layers-2', ITSELF))} "
            f"(the teacher itself in INT8), {WHOLE} (of --base), {GENERAL} (of --start), and "
            "recipes of yours, by paths that end in .toml"
        )


def _depth(teacher: Checkpoint) -> int:
    return int(getattr(teacher.model.config, "num_hidden_layers", 0) or 0)


def _depth_of(start: str) -> int:
    try:
        config = AutoConfig.from_pretrained(start)
    except (OSError, ValueError) as error:
        said = str(error).strip().splitlines()[0]
        raise ExportError(f"--start {start}: no encoder is there: {said}") from error
    return int(config.get_text_config().num_hidden_layers)


def _order(recipe: Recipe, teacher: Checkpoint) -> tuple[int, float]:
    """By architecture, and of encoders by how many whole layers of the teacher cost as much."""
    model, pruning = recipe.model, recipe.pruning
    if not isinstance(model, EncoderModel):
        return KINDS.index(model.architecture), 0.0
    layers = float(_layers(model, teacher))
    if model.width is not None:
        layers *= model.width / width_of(teacher.model)
    if pruning is not None and pruning.cuts_layers:
        kept = ATTENTION * pruning.heads + (1 - ATTENTION) * pruning.neurons
        layers *= LAYER + (1 - LAYER) * kept
    return KINDS.index("layers"), layers


def _layers(model: EncoderModel, teacher: Checkpoint) -> float:
    if model.layers is not None:
        return len(model.layers)
    if isinstance(model.depth, int):
        return model.depth
    depth = _depth(teacher)
    if model.base is not None:
        with contextlib.suppress(ExportError):  # which training it will raise
            depth = _depth_of(model.base)
    return depth * (model.depth or 1)


def _choices(recipe: Recipe, teacher: Checkpoint) -> dict[str, Sequence[Any]]:
    if isinstance(recipe.model, LinearModel):  # which looks for its own
        return {}
    # Of another base it is not known here, and what is near this is a choice all the same.
    rate = recipe.training.learning_rate or rate_for(width_of(teacher.model))
    found: dict[str, Sequence[Any]] = {}
    altering = recipe.distillation.augmentation if recipe.distillation else None
    if altering is not None and altering.copies is None:
        found["distillation.augmentation.rows"] = ROWS
    found["training.learning_rate"] = [float(f"{rate * factor:.3g}") for factor in RATES]
    if recipe.distillation is not None:
        found["distillation.temperature"] = [1.0, 2.0, 4.0]
    if isinstance(recipe.model, EncoderModel):
        return found
    return {**found, "model.dropout": [0.1, 0.2, 0.3]}
