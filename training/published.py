"""Read weights to start from, also those that others published as PyTorch pickles.

Kinetics weights of I3D and of 3D-MobileNet exist in no other form. Training reads them, and only
with PyTorch's restricted unpickler, which makes tensors and plain containers and runs no code;
the service reads no pickle at all.
"""

import pickle
from pathlib import Path

import torch
from torch import Tensor

from models.checkpoint import read_weights
from models.errors import WeightsError

DATA_PARALLEL_PREFIX = "module."


def read_start_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a .safetensors file of this project, or else of a published pickle.

    Raises:
        WeightsError: If the file cannot be read.
    """
    return read_weights(path) if path.suffix == ".safetensors" else read_published(path)


def read_published(path: Path) -> dict[str, Tensor]:
    """Return the state dict of a published .pt or .pth file, without `module.` prefixes.

    Raises:
        WeightsError: If the file holds anything but tensors in plain containers, or none.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, LookupError, pickle.UnpicklingError) as exc:
        raise WeightsError(f"{path.name} cannot be read as published weights: {exc}") from exc
    state = content.get("state_dict", content) if isinstance(content, dict) else {}
    tensors = {
        str(name).removeprefix(DATA_PARALLEL_PREFIX): value
        for name, value in state.items()
        if isinstance(value, Tensor)
    }
    if not tensors:
        raise WeightsError(f"{path.name} holds no state dict")
    return tensors
