"""A tagger's logits on texts, and the entities that they make; the service's own way to make them.

Keeps none, and knows nothing of who needs them.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import torch
from transformers import PreTrainedModel

from service.runtime.model import Item
from service.runtime.tasks.entities import Aggregation, Tokens, entities_of
from service.runtime.tokenizer import Tokenizer
from training.data.tags.tagged import Span, Spans
from training.models.checkpoints.labels import label_names
from training.recipe.data import Data
from training.score.scores import softmax
from training.teach.logits import batches_by_length
from training.teach.teachers.store import Logits

AT_ONCE = 2048  # texts whose tokens' places are in memory


def aggregation_of(data: Data) -> Literal["simple", "first"]:
    """How the entities of a model of that recipe are put together: by the tokens that it learnt."""
    return "simple" if data.subwords == "all" else "first"


def predict_token_logits(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    items: Sequence[Item],
    *,
    batch_size: int = 64,
    bf16: bool = False,
) -> list[Logits]:
    """Runs a tagger over encoded texts where it lies, batched by length so that little is padded.

    Args:
        batch_size: the most texts at once; of long ones fewer.
        bf16: multiply matrices in bfloat16.

    Returns:
        Of each text (tokens, labels).
    """
    found: dict[int, Logits] = {}
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        for rows in batches_by_length([len(one) for one in items], batch_size):
            input_ids, attention_mask = tokenizer.pad([items[row] for row in rows])
            output = model(
                input_ids=torch.from_numpy(input_ids).to(device),
                attention_mask=torch.from_numpy(attention_mask).to(device),
            )
            for row, logits in zip(rows, output.logits.float().cpu().numpy(), strict=True):
                found[row] = logits[: len(items[row])]
    return [found[row] for row in range(len(items))]


def find_entities(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    aggregation: Aggregation = "simple",
) -> Iterator[Spans]:
    """The entities that a tagger finds in texts, as the service tells them."""
    labels = label_names(model.config)
    for start in range(0, len(texts), AT_ONCE):
        items = tokenizer.encode(texts[start : start + AT_ONCE], placed=True)
        logits = predict_token_logits(model, tokenizer, items)
        for item, rows in zip(items, logits, strict=True):
            yield entities_in(item, rows, labels, aggregation)


def entities_in(
    item: Item, logits: Logits, labels: Sequence[str], aggregation: Aggregation = "simple"
) -> Spans:
    """The entities of one text.

    Args:
        item: encoded with its tokens' places.
        logits: (tokens, labels).
    """
    places = item.places or ()
    own = [token for token, place in enumerate(places) if place is not None]
    tokens = Tokens(
        softmax(logits[own]).astype(np.float32),
        [place for place in places if place is not None],
        labels,
        " ".join,
    )
    return tuple(Span(one.start, one.end, one.label) for one in entities_of(tokens, aggregation))
