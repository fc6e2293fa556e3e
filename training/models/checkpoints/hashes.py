"""What a model is, as a hash: where it lies and who saved it do not count."""

import hashlib
import json

import torch
from transformers import PreTrainedModel

from training.models.checkpoints.reading import Reading

# What a config says of who wrote it and where.
NOT_THE_MODEL = ("_name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype")


def model_sha256(model: PreTrainedModel) -> str:
    """Hash of the config and of the weights, by name and value."""
    config = model.config.to_dict()
    for name in NOT_THE_MODEL:
        config.pop(name, None)
    digest = hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        raw = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        digest.update(raw.numpy().tobytes())
    return digest.hexdigest()


def fingerprint(model: PreTrainedModel, reading: Reading) -> str:
    """Hash of all that a model's logits depend on: config, weights, and how texts become ids."""
    return hashlib.sha256(f"{model_sha256(model)} {reading.sha256}".encode()).hexdigest()
