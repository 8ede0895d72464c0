"""Writes tiny, real model folders for tests."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from models.card import ONNX_FILE, WEIGHTS_FILE, ModelCard, NetworkConfig, hash_file, write_card
from models.checkpoint import write_weights
from models.networks.layers import ConvNormRelu
from models.networks.mobilenet3d import MobileNet3D, build_mobilenet3d
from models.reference import DriftReference
from models.spec import ClipSpec
from training.onnx_export import export_fp32, export_int8

TINY_SPEC = ClipSpec(num_frames=4, size_px=32)
TINY_CONFIG = NetworkConfig(width=0.25, stem="3x3x3")


def make_network(
    *,
    config: NetworkConfig = TINY_CONFIG,
    spec: ClipSpec = TINY_SPEC,
    num_classes: int = 3,
    seed: int = 0,
) -> MobileNet3D:
    """Return a network in evaluation mode with random weights and random statistics."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_mobilenet3d(config, spec=spec, num_classes=num_classes)
        for layer in network.layers():
            _randomize(layer)
        nn.init.normal_(network.head.weight, std=0.05)
    return network.eval()


def _randomize(layer: ConvNormRelu) -> None:
    """Draw weights that keep the size of activations, and a normalization that does something."""
    norm = layer.norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    nn.init.kaiming_normal_(layer.conv.weight, nonlinearity="relu")
    if layer.plan.groups > 1:  # at one pixel, where tiny clips end, only the center tap sees it
        nn.init.normal_(layer.conv.weight.data[:, :, 1, 1, 1], mean=1.0, std=0.5)
    nn.init.uniform_(norm.weight, 0.8, 1.2)
    nn.init.normal_(norm.bias, std=0.1)
    nn.init.normal_(norm.running_mean, std=0.1)
    nn.init.uniform_(norm.running_var, 0.8, 1.2)


def make_windows(
    *, num_batches: int = 1, batch_size: int = 4, spec: ClipSpec = TINY_SPEC, seed: int = 0
) -> list[torch.Tensor]:
    """Return batches of random raw windows, uint8, that differ in brightness and contrast."""
    generator = torch.Generator().manual_seed(seed)
    shape = (num_batches, batch_size, *spec.clip_shape)
    noise = torch.rand(shape, generator=generator)
    scale = torch.rand((*shape[:2], 1, 1, 1, 1), generator=generator)
    offset = torch.rand((*shape[:2], 1, 1, 1, 3), generator=generator) * (1 - scale)
    return list((255 * (noise * scale + offset)).to(torch.uint8))


def quantize(network: MobileNet3D, *, spec: ClipSpec = TINY_SPEC) -> dict[str, torch.Tensor]:
    """Return the int8 tensors of a network, calibrated on random windows."""
    # Imported here because torchao takes two seconds, which fp32 models need not wait for.
    from training.quantization import convert, post_training_quantize

    return convert(post_training_quantize(network, make_windows(num_batches=2, spec=spec)))


def write_model_folder(
    root: Path,
    *,
    name: str = "tiny-fp32",
    version: int = 1,
    precision: Literal["fp32", "int8"] = "fp32",
    labels: Sequence[str] = ("a", "b", "c"),
    config: NetworkConfig = TINY_CONFIG,
    spec: ClipSpec = TINY_SPEC,
    temperature: float = 1.0,
    drift_reference: DriftReference | None = None,
    seed: int = 0,
) -> Path:
    """Write a complete model folder `<root>/<name>/<version>` and return its path."""
    folder = root / name / str(version)
    folder.mkdir(parents=True)
    network = make_network(config=config, spec=spec, num_classes=len(labels), seed=seed)
    if precision == "int8":
        tensors = quantize(network, spec=spec)
        write_weights(folder / WEIGHTS_FILE, tensors)
        export_int8(tensors, config, folder / ONNX_FILE, spec=spec)
    else:
        write_weights(folder / WEIGHTS_FILE, network.state_dict())
        export_fp32(network, folder / ONNX_FILE, spec=spec)
    card = ModelCard(
        name=name,
        version=version,
        precision=precision,
        network=config,
        spec=spec,
        labels=tuple(labels),
        temperature=temperature,
        metrics={"test": {"balanced_accuracy": 0.5, "top1": 0.6}},
        files={file: hash_file(folder / file) for file in (WEIGHTS_FILE, ONNX_FILE)},
        parent="tiny-fp32@1" if precision == "int8" else None,
        recipe={},
        data="random windows, for tests",
        licence="Apache-2.0",
        notice="knows nothing",
        drift_reference=drift_reference,
    )
    write_card(folder, card)
    return folder
