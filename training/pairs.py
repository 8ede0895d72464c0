"""Pairs of model folders to be timed: a float network and its int8 twin, with random weights.

Axes: N windows, T frames, H W pixels, C channels.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from models.card import ONNX_FILE, WEIGHTS_FILE, ModelCard, NetworkConfig, hash_file, write_card
from models.checkpoint import write_weights
from models.labels import DRIVE_AND_ACT_LABELS
from models.networks.mobilenet3d import MobileNet3D, build_mobilenet3d
from models.spec import ClipSpec
from training.onnx_export import export_fp32, export_int8

NUM_CALIBRATION_WINDOWS = 8
# Pictures are made of squares, this many a side: noise of single pixels would average out to the
# same features whatever the window.
NUM_SQUARES = 14


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Folders of a float model and of the int8 model that was made from it."""

    fp32: Path
    int8: Path


def make_windows(spec: ClipSpec, *, num_windows: int, seed: int) -> NDArray[np.uint8]:
    """Return windows_NTHWC of squares in random colors; brightness and contrast differ."""
    rng = np.random.default_rng(seed)
    colors = rng.random((num_windows, spec.num_frames, NUM_SQUARES, NUM_SQUARES, 3))
    contrast, offset = rng.random((2, num_windows, 1, 1, 1, 1))
    levels = (255 * (contrast * colors + (1 - contrast) * offset)).astype(np.uint8)
    square_px = np.arange(spec.size_px) * NUM_SQUARES // spec.size_px
    # Indexing leaves an order of axes in memory that no frames have.
    return np.ascontiguousarray(levels[:, :, square_px][:, :, :, square_px])


def write_pair(root: Path, *, config: NetworkConfig, spec: ClipSpec, seed: int = 0) -> Pair:
    """Write a pair with random weights, calibrated and exported as trained ones are."""
    # Imported here because torchao takes two seconds.
    from training.quantization import convert, post_training_quantize

    windows = torch.from_numpy(make_windows(spec, num_windows=NUM_CALIBRATION_WINDOWS, seed=seed))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_mobilenet3d(config, spec=spec, num_classes=len(DRIVE_AND_ACT_LABELS))
        _normalize_layers(network, windows)
    tensors = convert(post_training_quantize(network, windows.split(1)))
    with _described(root, "fp32", config, spec) as fp32:
        write_weights(fp32 / WEIGHTS_FILE, network.state_dict())
        export_fp32(network, fp32 / ONNX_FILE, spec=spec)
    with _described(root, "int8", config, spec) as int8:
        write_weights(int8 / WEIGHTS_FILE, tensors)
        export_int8(tensors, config, int8 / ONNX_FILE, spec=spec)
    return Pair(fp32=fp32, int8=int8)


def _normalize_layers(network: MobileNet3D, windows_NTHWC: torch.Tensor) -> None:
    """Set the statistics of every layer to those of some windows, or activations would fade."""
    for layer in network.layers():
        layer.norm.momentum = 1.0
    with torch.no_grad():
        network.train()(windows_NTHWC)
    network.eval()


@contextmanager
def _described(
    root: Path, precision: Literal["fp32", "int8"], config: NetworkConfig, spec: ClipSpec
) -> Iterator[Path]:
    """Yield a model folder to be filled, and then write its card."""
    folder = root / f"random-{precision}" / "1"
    folder.mkdir(parents=True)
    yield folder
    card = ModelCard(
        name=folder.parent.name,
        version=1,
        precision=precision,
        network=config,
        spec=spec,
        labels=DRIVE_AND_ACT_LABELS,
        temperature=1.0,
        metrics={},
        files={name: hash_file(folder / name) for name in (WEIGHTS_FILE, ONNX_FILE)},
        parent="random-fp32@1" if precision == "int8" else None,
        recipe={},
        data="none: weights are random",
        licence="Apache-2.0",
        notice="knows nothing",
    )
    write_card(folder, card)
