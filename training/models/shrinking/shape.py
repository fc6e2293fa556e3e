"""What shape a smaller encoder has: what its recipe says, and by rules what it leaves open.

Knows configs and no weights.
"""

from collections.abc import Sequence
from typing import Any

from transformers import AutoConfig

from training.errors import CheckpointError, RecipeError
from training.models.checkpoints.checkpoint import Checkpoint
from training.models.checkpoints.reading import refuse_missing
from training.recipe.models import EncoderModel
from training.recipe.recipe import Recipe

FEED_FORWARD = 4  # times as wide as the states, as BERT has it
# What families call the width of their feed-forward layers; a new family is a word here.
INTERMEDIATE = ("intermediate_size", "hidden_dim", "n_inner")


def with_shape(recipe: Recipe, teacher: Checkpoint | None) -> Recipe:
    """The recipe with its encoder's shape written out, where rules of the base's size choose it.

    Raises:
        CheckpointError: the base is not there.
        RecipeError: the shape does not fit the base.
    """
    spec = recipe.model
    if not isinstance(spec, EncoderModel) or spec.depth is spec.width is None:
        return recipe
    if spec.base is not None:
        refuse_missing(spec.base)
        try:
            config = AutoConfig.from_pretrained(spec.base)
        except (OSError, ValueError) as error:
            said = str(error).strip().splitlines()[0]
            raise CheckpointError(f"no model to start from at {spec.base!r}: {said}") from error
    elif teacher is not None:
        config = teacher.model.config
    else:
        return recipe  # there is nothing to start from, which is told where it is started
    return recipe.model_copy(update={"model": settled(spec, config)})


def settled(spec: EncoderModel, config: Any) -> EncoderModel:
    """The section with nothing left open of its shape.

    Args:
        config: of the base.

    Raises:
        RecipeError: the shape does not fit the base.
    """
    if spec.depth is spec.width is None:
        return spec
    deep = int(getattr(config, "num_hidden_layers", 0) or 0)
    if not deep:
        raise RecipeError(f"model.depth: a {type(config).__name__} says of no layers")
    depth = deep if spec.depth is None else spec.depth
    if depth < 1:
        depth = max(1, round(depth * deep))
    if spec.width is None:
        if depth > deep:
            raise RecipeError(f"model.depth: the base has {deep} layers, and not {depth}")
        return spec.model_copy(update={"depth": None, "layers": spread(int(depth), deep)})
    names = [name for name in INTERMEDIATE if hasattr(config, name)]
    if not names or not hasattr(config, "num_attention_heads"):
        raise RecipeError(
            f"model.width: a {type(config).__name__} has widths that are not known here: take some "
            "of its layers by model.depth"
        )
    heads = spec.heads or _heads(spec.width, config)
    if spec.width % heads:
        raise RecipeError(f"model.heads: {spec.width} numbers do not part into {heads} heads")
    shape = (spec.width, heads, spec.intermediate or FEED_FORWARD * spec.width)
    own = (config.hidden_size, config.num_attention_heads, getattr(config, names[0]))
    if shape == own and depth <= deep:  # its layers are no worse than new ones
        layers = None if depth == deep else spread(int(depth), deep)
        of_new = dict.fromkeys(("depth", "width", "heads", "intermediate"))
        return spec.model_copy(update={**of_new, "layers": layers})
    changes = {"depth": int(depth), "heads": heads, "intermediate": shape[-1]}
    return spec.model_copy(update=changes)


def spread(some: int, deep: int) -> tuple[int, ...]:
    """As many of a base's layers, evenly apart, the last among them.

    Args:
        some: how many; at most `deep`.
        deep: of the base, counted from 0.
    """
    return tuple(-(-(place + 1) * deep // some) - 1 for place in range(some))


def _heads(width: int, config: Any) -> int:
    """As many heads as make them nearest in size to the base's."""
    size = config.hidden_size / config.num_attention_heads
    parts: Sequence[int] = [n for n in range(1, width + 1) if width % n == 0]
    return min(parts, key=lambda n: (abs(width / n - size), n))
