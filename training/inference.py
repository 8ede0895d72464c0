"""Answers of a torch network for many clips.

Tensor legend: N clips, B batch, T frames, H W pixels, C channels, K classes.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.classifier import softmax
from training.data.cache import DecodedClips
from training.metrics import measure
from training.workspace import Workspace

BATCH_SIZE = 16


def predict_logits(
    network: nn.Module, clips_NTHWC: NDArray[np.uint8], *, device: str
) -> NDArray[np.float32]:
    """Return `logits_NK` float32 of a network, which is put in evaluation mode."""
    network.eval()
    logits = []
    with torch.inference_mode():
        for start in range(0, len(clips_NTHWC), BATCH_SIZE):
            windows_BTHWC = torch.from_numpy(np.array(clips_NTHWC[start : start + BATCH_SIZE]))
            logits.append(network(windows_BTHWC.to(device)).float().cpu().numpy())
    return np.concatenate(logits)


def measure_network(
    network: nn.Module, clips: DecodedClips, workspace: Workspace
) -> dict[str, float]:
    """Return the figures of a network on a split, as `measure` gives them."""
    logits_NK = predict_logits(network, clips.clips_NTHWC, device=workspace.recipe.device)
    probs_NK = softmax(logits_NK, temperature=1.0)
    return measure(probs_NK, workspace.label_index(clips.examples))
