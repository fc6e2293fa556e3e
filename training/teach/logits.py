"""What a student learns from its teachers: their logits, computed once and cached.

Knows nothing of the student or of the loss that uses the logits.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from tqdm.auto import tqdm
from transformers import PreTrainedModel

from service.runtime.tokenizer import Tokenizer
from training import cache
from training.data.augmentation import spell_masks
from training.models.checkpoint import Checkpoint
from training.models.labels import label_names

Logits = npt.NDArray[np.float32]

CHUNK = 2048  # texts a file of the cache: what a killed run may lose


def predict_logits(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    batch_size: int = 64,
    bar: "tqdm[None] | None" = None,
) -> Logits:
    """Runs a model over texts, batched by length so that little is padded.

    Args:
        bar: a progress bar to move on by the texts done.

    Returns:
        (texts, labels), in the order of `texts`.
    """
    encodings = tokenizer.encode(texts)
    order = sorted(range(len(texts)), key=lambda row: len(encodings[row]))
    logits = np.empty((len(texts), len(label_names(model.config))), dtype=np.float32)
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            input_ids, attention_mask = tokenizer.pad([encodings[row] for row in rows])
            output = model(
                input_ids=torch.from_numpy(input_ids).to(device),
                attention_mask=torch.from_numpy(attention_mask).to(device),
            )
            logits[rows] = output.logits.float().cpu().numpy()
            if bar is not None:
                bar.update(len(rows))
    return logits


def teacher_logits(teacher: Checkpoint, texts: Sequence[str]) -> Logits:
    """The teacher's logits on `texts`, from the cache where they were computed before.

    The cache has a file for each `CHUNK` texts, written when it is done, so that a run which
    is killed goes on from there. It is keyed by the teacher's weights and the token ids that
    it reads: a change of a text, the tokeniser or the maximum length is a miss.

    Returns:
        (texts, labels).
    """
    weights, tokenizer = teacher.sha256, teacher.tokenizer
    device = "cuda" if torch.cuda.is_available() else "cpu"
    logits = np.empty((len(texts), len(teacher.labels)), dtype=np.float32)
    with tqdm(total=len(texts), desc=f"logits of {teacher.source}", unit="text") as bar:
        for start in range(0, len(texts), CHUNK):
            chunk = texts[start : start + CHUNK]
            digest = hashlib.sha256(weights.encode())
            for encoding in tokenizer.encode(chunk):
                digest.update(f"{encoding.ids}\n".encode())
            found = cache.recall("logits", digest.hexdigest())
            if found is not None:
                bar.update(len(chunk))
            else:
                teacher.model.to(device)  # type: ignore[arg-type]  # transformers wraps it untyped
                found = predict_logits(teacher.model, tokenizer, chunk, bar=bar)
                cache.keep("logits", digest.hexdigest(), found)
            logits[start : start + CHUNK] = found
    return logits


def ensemble_logits(teachers: Sequence[Checkpoint], texts: Sequence[str]) -> Logits:
    """The mean of the teachers' logits, each reading with its own tokeniser.

    Averaging logits is averaging probabilities geometrically (Hinton et al. 2015 allow either
    mean). The result is logits again, so that every temperature and the loss on logits work
    as with one teacher.

    Args:
        texts: may hold `training.data.augmentation.MASK`, which each teacher reads as its own.

    Returns:
        (texts, labels).
    """
    each = [
        teacher_logits(teacher, spell_masks(texts, teacher.hub_tokenizer)) for teacher in teachers
    ]
    mean: Logits = np.mean(each, axis=0, dtype=np.float32)
    return mean
