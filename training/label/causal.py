"""A causal language model with its tokenizer: a directory, a hub id, a GGUF file, an adapter.

Knows nothing of prompts or labels.
"""

import hashlib
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from training.errors import CheckpointError
from training.models.checkpoints.hashes import model_sha256
from training.models.checkpoints.reading import refuse_missing
from training.quiet import hush
from training.teach.teachers.precision import Precision

ADAPTER = "adapter_config.json"
INSTALL = "pip install 'stillhouse[llm]'"
Quantized = Literal["none", "4bit"]


@dataclass(frozen=True)
class CausalLm:
    """A language model that goes on with a text, in evaluation mode."""

    source: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerFast
    precision: Precision = "fp32"

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all that its probabilities depend on, where it lies excepted."""
        rules = self.tokenizer.backend_tokenizer.to_str()
        parts = [model_sha256(self.model), rules, self.tokenizer.chat_template, self.precision]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.model.parameters()).device

    @property
    def context(self) -> int:
        """The most tokens that it reads."""
        stated = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        return stated if isinstance(stated, int) and stated > 0 else 10**6

    @cached_property
    def before(self) -> list[int]:
        """What the tokenizer puts before every text, such as a token that begins it."""
        with_special = self.tokenizer("a")["input_ids"]
        bare = self.tokenizer("a", add_special_tokens=False)["input_ids"]
        found = next(
            (n for n in range(len(with_special)) if with_special[n : n + len(bare)] == bare), 0
        )
        return list(with_special[:found])

    def ids(self, texts: Sequence[str], *, begins: bool = True) -> list[list[int]]:
        """Token ids of texts; none ends them.

        Args:
            begins: put before each what the tokenizer puts before a text.
        """
        found = self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return [[*self.before, *ids] if begins else list(ids) for ids in found]

    def cut(self, text: str, most: int) -> str:
        """The first `most` tokens of a text, as text."""
        offsets = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)[
            "offset_mapping"
        ]
        return text if len(offsets) <= most else text[: offsets[most - 1][1]]


def load_causal(
    source: str, precision: Precision = "fp32", quantized: Quantized = "none"
) -> CausalLm:
    """Reads a causal language model.

    Args:
        source: a checkpoint directory, a hub id, a GGUF file, or the directory of an adapter,
            whose own files name the model that it belongs to.
        quantized: how its weights lie in memory; 4bit needs bitsandbytes, and a GPU or a CPU that
            it can compute on.

    Raises:
        CheckpointError: it is not there, is no causal language model, or what reads it is not
            installed.
    """
    hush()
    folder = Path(source)
    if (folder / ADAPTER).is_file():
        return _with_adapter(folder, precision, quantized)
    named: dict[str, Any] = {}
    where = source
    if folder.suffix.lower() == ".gguf":
        where, named = _gguf(folder)
    else:
        refuse_missing(source)
    named |= _quantization(quantized)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    try:
        config = AutoConfig.from_pretrained(where, **_only(named, "gguf_file"))
        if getattr(config, "is_encoder_decoder", False):
            raise CheckpointError(
                f"{source} is a {config.model_type}, which reads by an encoder and answers by a "
                "decoder: a causal language model is needed"
            )
        tokenizer = AutoTokenizer.from_pretrained(where, **_only(named, "gguf_file"))
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            where, dtype=dtype, output_loading_info=True, **named
        )
        model, report = loaded
    except CheckpointError:
        raise
    except Exception as error:  # transformers raises many kinds for files that it cannot read
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"no causal language model at {source!r}: {said}") from error
    if missing := sorted(report["missing_keys"]):  # transformers would make them up at random
        raise CheckpointError(f"{source!r} is no causal language model: it lacks {missing[:5]}")
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        raise CheckpointError(f"{source} has a slow tokenizer: take a checkpoint with a fast one")
    found = CausalLm(source, model.eval(), tokenizer, precision)
    _refuse_misfit(found)
    return found


def _gguf(path: Path) -> tuple[str, dict[str, Any]]:
    if not path.is_file():
        raise CheckpointError(f"there is no {path}")
    if importlib.util.find_spec("gguf") is None:
        raise CheckpointError(f"{path} is read by the package gguf: {INSTALL}")
    return str(path.parent), {"gguf_file": path.name}


def _quantization(quantized: Quantized) -> dict[str, Any]:
    if quantized == "none":
        return {}
    if importlib.util.find_spec("bitsandbytes") is None:
        raise CheckpointError(
            "4-bit weights (QLoRA) are bitsandbytes' work: pip install 'stillhouse[qlora]', or set "
            'model.quantization = "none", which trains the same adapter on whole weights'
        )
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
    return {
        "quantization_config": config,
        "device_map": {"": 0 if torch.cuda.is_available() else "cpu"},
    }


def _with_adapter(folder: Path, precision: Precision, quantized: Quantized) -> CausalLm:
    if importlib.util.find_spec("peft") is None:
        raise CheckpointError(f"{folder} is an adapter, which peft reads: {INSTALL}")
    from peft import PeftModel

    try:
        stated = json.loads((folder / ADAPTER).read_text(encoding="utf-8"))
        base = str(stated["base_model_name_or_path"])
    except (ValueError, KeyError) as error:
        raise CheckpointError(f"{folder / ADAPTER} names no model: {error}") from error
    lm = load_causal(base, precision, quantized)
    try:
        adapted = PeftModel.from_pretrained(lm.model, str(folder))
        merged = adapted.merge_and_unload() if quantized == "none" else adapted
    except Exception as error:  # peft and safetensors have kinds of their own
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{folder} is no adapter of {base}: {said}") from error
    merged.train(mode=False)
    return CausalLm(str(folder), cast(PreTrainedModel, merged), lm.tokenizer, precision)


def _only(named: dict[str, Any], key: str) -> dict[str, Any]:
    return {key: named[key]} if key in named else {}


def _refuse_misfit(lm: CausalLm) -> None:
    """Refuses a tokenizer of another model, and a model that looks at what follows."""
    rows = len(cast(torch.Tensor, lm.model.get_input_embeddings().weight))
    vocabulary = lm.tokenizer.get_vocab()
    highest = max(vocabulary.values(), default=0)
    if highest >= rows:
        raise CheckpointError(
            f"the tokenizer of {lm.source} has ids up to {highest}, and its model {rows} tokens: "
            "they do not belong together"
        )
    first, second, third = sorted(vocabulary.values())[:3]
    ids = torch.tensor([[first, second, third], [first, second, first]], device=lm.device)
    try:
        with torch.inference_mode():
            logits = lm.model(input_ids=ids).logits.float()
    except (RuntimeError, NotImplementedError, AssertionError) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(
            f"{lm.source} does not compute on this machine ({said:.200}): 4-bit weights may need a "
            'GPU; model.quantization = "none" does without'
        ) from error
    if not torch.allclose(logits[0, 1], logits[1, 1], atol=1e-3, rtol=1e-3):
        raise CheckpointError(
            f"{lm.source} looks at what follows a token, so it is no causal language model (an "
            "encoder, it may be): take one that was trained to go on with a text"
        )
