"""PyTorch eager BERT-base behind a pipe: what a student's speed is compared with.

Run as a process of its own, so that it can be pinned to the server's core. Reads one JSON
object `{"text", "padded"}` a line on standard input and answers with the seconds that the
model took. The weights are random: they cost the same time as trained ones.

    python -m benchmarks.torch_baseline TOKENIZER_JSON
"""

import json
import sys
import time

import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertForSequenceClassification

PADDED_LENGTH = 128


def main(tokenizer_file: str) -> None:
    """Answers until standard input ends."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    tokenizer = Tokenizer.from_file(tokenizer_file)
    tokenizer.no_padding()
    tokenizer.enable_truncation(PADDED_LENGTH)
    model = BertForSequenceClassification(BertConfig()).eval()
    with torch.inference_mode():
        for line in sys.stdin:
            request = json.loads(line)
            started = time.perf_counter()
            ids = tokenizer.encode(request["text"]).ids
            mask = [1] * len(ids)
            if request["padded"]:
                missing = PADDED_LENGTH - len(ids)
                ids, mask = ids + [0] * missing, mask + [0] * missing
            output = model(input_ids=torch.tensor([ids]), attention_mask=torch.tensor([mask]))
            output.logits.softmax(-1).tolist()
            sys.stdout.write(f"{time.perf_counter() - started}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
