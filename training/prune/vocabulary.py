"""The vocabulary of a recipe's texts."""

from collections.abc import Iterable, Sequence

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from service.runtime.model import Input
from training.models.checkpoints.reading import Reading
from training.models.pruned.vocabulary import shrink_table, smaller_tokenizer, tokens_to_keep
from training.recipe.pruning import Pruning
from training.teach.rows import tokens_of


def cut_vocabulary(
    spec: Pruning | None, model: PreTrainedModel, reading: Reading, texts: Iterable[Sequence[Input]]
) -> tuple[PreTrainedTokenizerFast, list[int] | None]:
    """Leaves a model what its texts, and the spelling of any other, need of its vocabulary.

    Args:
        reading: how the model reads before.
        texts: all that it learns from.

    Returns:
        The tokeniser that it reads with from now on, and the id that each of its tokens had
        before; None where nothing is cut.

    Raises:
        RecipeError: the tokeniser cannot be made smaller.
    """
    if spec is None or spec.vocabulary == "all":
        return reading.hub_tokenizer, None
    counts = np.zeros(reading.tokenizer.highest_id + 1, np.int64)
    for part in texts:
        for chunk in tokens_of(part, reading).ids.chunks:
            counts += np.bincount(chunk.flatten(), minlength=len(counts))
    kept = tokens_to_keep(
        reading.hub_tokenizer,
        model,
        {int(token): int(counts[token]) for token in counts.nonzero()[0]},
        least=spec.vocabulary_count,
        general=spec.general_tokens,
    )
    smaller = smaller_tokenizer(reading.hub_tokenizer, kept)
    shrink_table(model, kept)
    return smaller, kept
