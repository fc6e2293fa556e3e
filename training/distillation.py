"""What a student learns from a teacher: its logits, computed once and cached.

Knows nothing of the student or of the loss that uses the logits.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tqdm.auto import tqdm
from transformers import PreTrainedModel

from service.tokenization import Tokenizer
from training.checkpoint import Checkpoint

Logits = npt.NDArray[np.float32]


def predict_logits(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    batch_size: int = 64,
    progress: str | None = None,
) -> Logits:
    """Runs a model over texts, batched by length so that little is padded.

    Args:
        progress: the progress bar's title; None shows no bar.

    Returns:
        (texts, labels), in the order of `texts`.
    """
    encodings = tokenizer.encode(texts)
    order = sorted(range(len(texts)), key=lambda row: len(encodings[row]))
    logits = np.empty((len(texts), model.config.num_labels), dtype=np.float32)
    device = next(model.parameters()).device
    model.eval()
    bar = tqdm(total=len(texts), desc=progress, unit="text", disable=progress is None)
    with torch.inference_mode(), bar:
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            input_ids, attention_mask = tokenizer.pad([encodings[row] for row in rows])
            output = model(
                input_ids=torch.from_numpy(input_ids).to(device),
                attention_mask=torch.from_numpy(attention_mask).to(device),
            )
            logits[rows] = output.logits.float().cpu().numpy()
            bar.update(len(rows))
    return logits


def teacher_logits(teacher: Checkpoint, texts: Sequence[str]) -> Logits:
    """The teacher's logits on `texts`, from the cache where they were computed before.

    The cache is keyed by the teacher's weights and the token ids that it reads, so a change
    of a text, the tokeniser or the maximum length is a miss. It lies in `$STILLHOUSE_CACHE`,
    or `~/.cache/stillhouse`.

    Returns:
        (texts, labels).
    """
    digest = hashlib.sha256(teacher.sha256.encode())
    for encoding in teacher.tokenizer.encode(texts):
        digest.update(f"{encoding.ids}\n".encode())
    root = Path(os.environ.get("STILLHOUSE_CACHE", Path.home() / ".cache" / "stillhouse"))
    path = root / "logits" / f"{digest.hexdigest()}.npy"
    if path.is_file():
        cached: Logits = np.load(path, allow_pickle=False)
        return cached
    logits = predict_logits(teacher.model, teacher.tokenizer, texts, progress="teacher logits")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with partial.open("wb") as file:
        np.save(file, logits)
    partial.replace(path)
    return logits
