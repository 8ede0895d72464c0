"""Runs weights.safetensors with PyTorch: the reference, and the check of the other engine.

Axes: N windows of one video, T frames, H W pixels, C channels (RGB), K classes.
"""

import threading

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.card import ModelCard
from models.checkpoint import load_strictly, parse_weights
from models.networks.mobilenet3d import build_mobilenet3d
from models.networks.quantized import build_int8_mobilenet3d
from models.runtimes import RuntimeName


class TorchRuntime:
    """A network run by PyTorch on the CPU.

    PyTorch's number of threads belongs to the process, not to a network: the last runtime that is
    loaded sets it for all of them. Calls from several threads compute at the same time, each with
    that many threads.

    Args:
        weights: Content of weights.safetensors, already checked against the card.
        card: The folder's card.
        num_threads: Processor threads that one call of `infer` may use.

    Raises:
        WeightsError: If weights.safetensors does not fit the card.
    """

    def __init__(self, weights: bytes, card: ModelCard, *, num_threads: int) -> None:
        self._num_threads = num_threads
        self._local = threading.local()
        self._limit_calling_thread()
        self._network = _load_network(weights, card)

    @property
    def name(self) -> RuntimeName:
        """Name of the engine."""
        return "torch"

    def infer(self, windows_NTHWC: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return `logits_NK` float32 for N windows of raw RGB bytes; blocks while it computes."""
        self._limit_calling_thread()
        # PyTorch has no read-only tensors, which shared memory may be.
        windows = torch.from_numpy(np.require(windows_NTHWC, requirements="W"))
        with torch.inference_mode():
            logits_NK: NDArray[np.float32] = self._network(windows).numpy()
        return logits_NK

    def _limit_calling_thread(self) -> None:
        """Set the number of threads where it counts.

        OpenMP keeps it for each calling thread, and what PyTorch was told in one thread does not
        reach oneDNN's int8 kernels in another: there they would take every core.
        """
        if not hasattr(self._local, "is_limited"):
            torch.set_num_threads(self._num_threads)
            self._local.is_limited = True


def _load_network(weights: bytes, card: ModelCard) -> nn.Module:
    tensors = parse_weights(weights)
    num_classes = len(card.labels)
    if card.precision == "int8":
        return build_int8_mobilenet3d(
            tensors, config=card.network, spec=card.spec, num_classes=num_classes
        )
    network = build_mobilenet3d(card.network, spec=card.spec, num_classes=num_classes)
    load_strictly(network, tensors)
    return network.eval()
