"""Bare ONNX Runtime on the same texts: what a model can do with no server around it.

    MODEL_DIR=... python bare.py labels TEXTS        each text's label and score
    MODEL_DIR=... python bare.py speed TEXTS SECONDS the engine's limit, one thread

TEXTS has one text a line; one JSON object comes out. For the limit the texts are tokenised
before, sorted by length and cut into batches; the batch size is that of the highest speed.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from text_classifier import TextClassifier  # type: ignore[import-not-found]  # beside it

BATCHES = (1, 2, 4, 8, 16, 32, 64)


def main(what: str, texts_file: str, seconds: float) -> dict[str, Any]:
    """Does one of the two."""
    classifier = TextClassifier.from_environment()
    texts = Path(texts_file).read_text(encoding="utf-8").splitlines()
    if what == "labels":
        answers = [classifier([text])[0] for text in texts]
        return {"answers": [[answer["label"], answer["score"]] for answer in answers]}
    return speed(classifier, texts, seconds)


def speed(classifier: TextClassifier, texts: Sequence[str], seconds: float) -> dict[str, Any]:
    """Texts a second in batches, and the time of one text.

    Args:
        seconds: of the whole; the batch sizes, the three figures of the best of them and the
            single texts each get a share.
    """
    share = seconds / (len(BATCHES) + 4)
    lengths = [len(encoding.ids) for text in texts for encoding in classifier.encode([text])]
    by_length = [text for _, text in sorted(zip(lengths, texts, strict=True))]

    def passes(order: Sequence[str], batch: int) -> tuple[Callable[[], None], Callable[[], None]]:
        cut = [order[at : at + batch] for at in range(0, len(order), batch)]
        feeds = [classifier.feed(classifier.encode(part)) for part in cut]

        def run() -> None:
            for feed in feeds:
                classifier.run(feed)

        def tokenize_and_run() -> None:
            for part in cut:
                classifier.run(classifier.feed(classifier.encode(part)))

        return run, tokenize_and_run

    batches = [(batch, _rate(passes(by_length, batch)[0], len(texts), share)) for batch in BATCHES]
    best = max(batches, key=lambda pair: pair[1])[0]
    run, tokenize_and_run = passes(by_length, best)
    one_text = _times_of_one(classifier, texts, share)
    return {
        "batches": [{"batch": batch, "texts_per_second": rate} for batch, rate in batches],
        "best_batch": best,
        "texts_per_second": _rate(run, len(texts), share),
        "with_tokenizer": _rate(tokenize_and_run, len(texts), share),
        "unsorted": _rate(passes(texts, best)[0], len(texts), share),
        "one_text_p50_ms": round(float(np.quantile(one_text, 0.5)) * 1e3, 4),
        "one_text_p99_ms": round(float(np.quantile(one_text, 0.99)) * 1e3, 4),
    }


def _rate(work: Callable[[], None], texts: int, seconds: float) -> float:
    """Texts a second, over whole passes that take at least so many seconds."""
    passes, begun = 0, time.perf_counter()
    while (taken := time.perf_counter() - begun) < seconds:
        work()
        passes += 1
    return round(passes * texts / taken, 2)


def _times_of_one(classifier: TextClassifier, texts: Sequence[str], seconds: float) -> list[float]:
    """Seconds to tokenise and run one text, text by text, each at least once."""
    times: list[float] = []
    give_up = time.perf_counter() + seconds
    while not times or time.perf_counter() < give_up:
        for text in texts:
            begun = time.perf_counter()
            classifier.run(classifier.feed(classifier.encode([text])))
            times.append(time.perf_counter() - begun)
    return times


if __name__ == "__main__":
    given = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    sys.stdout.write(json.dumps(main(sys.argv[1], sys.argv[2], given)) + "\n")
