"""Engines that run a model's network; imported only when one is asked for."""

from collections.abc import Mapping
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from models.card import ONNX_FILE, WEIGHTS_FILE, ModelCard
from models.runtimes.compiled import CompiledFolder

RuntimeName = Literal["openvino", "torch"]


class Runtime(Protocol):
    """A loaded network on an engine; safe to call from several threads at once."""

    @property
    def name(self) -> RuntimeName:
        """Name of the engine."""
        ...

    def infer(self, windows_NTHWC: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return `logits_NK` float32 for N windows of raw RGB bytes; blocks while it computes."""
        ...


def load_runtime(
    name: RuntimeName,
    contents: Mapping[str, bytes],
    card: ModelCard,
    *,
    num_threads: int,
    num_streams: int = 1,
    compiled: CompiledFolder | None = None,
) -> Runtime:
    """Load the network of a model folder on an engine.

    Args:
        name: Engine; `openvino` takes model.onnx, `torch` takes weights.safetensors.
        contents: Files of the model folder by name, already checked against the card.
        card: The folder's card.
        num_threads: Processor threads that one call of `infer` may use.
        num_streams: Calls that are computed at once; further ones wait. PyTorch computes them all.
        compiled: Where OpenVINO's compiled networks are kept; None if they are not.

    Raises:
        WeightsError: If the files do not fit the card.
    """
    if name == "openvino":
        from models.runtimes.openvino import OpenVinoRuntime

        return OpenVinoRuntime(
            contents[ONNX_FILE],
            card,
            num_threads=num_threads,
            num_streams=num_streams,
            compiled=compiled,
        )
    from models.runtimes.torch import TorchRuntime

    return TorchRuntime(contents[WEIGHTS_FILE], card, num_threads=num_threads)
