"""The student: 3D-MobileNet, a plain chain of convolutions.

Source: Koepuekluee et al. 2019, "Resource Efficient 3D Convolutional Neural Networks"
(arXiv:1904.02422), and its code, okankop/Efficient-3DCNNs, models/mobilenet.py.

Axes: N clips, T frames, C channels, H W pixels, K classes.
"""

import re
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from models.card import NetworkConfig, Stem
from models.checkpoint import WeightsReport, load_matching
from models.networks.layers import ConvNormRelu, ConvPlan, Normalize, Triple, scale_channels
from models.spec import ClipSpec

STEM_CHANNELS = 32
# Output channels, number of blocks, stride in H and W of the first one: arXiv:1904.02422, table 1.
STAGES = ((64, 1, 2), (128, 2, 2), (256, 2, 2), (512, 6, 2), (1024, 2, 1))

# Names in the published state dict, and ours.
PUBLISHED_NAMES = (
    (r"features\.0\.0\.", r"features.stem.conv."),
    (r"features\.0\.1\.", r"features.stem.norm."),
    (r"features\.(\d+)\.conv1\.", r"features.block\1_depthwise.conv."),
    (r"features\.(\d+)\.bn1\.", r"features.block\1_depthwise.norm."),
    (r"features\.(\d+)\.conv2\.", r"features.block\1_pointwise.conv."),
    (r"features\.(\d+)\.bn2\.", r"features.block\1_pointwise.norm."),
    (r"classifier\.1\.", r"head."),
)


def plan_mobilenet3d(config: NetworkConfig) -> tuple[ConvPlan, ...]:
    """Return every convolution of the network in order.

    Args:
        config: The stem `3x3x3` is the published one; `1x3x3` looks at single frames and drops
            every second one.
    """
    plans = [_plan_stem(scale_channels(STEM_CHANNELS, config.width), config.stem)]
    for (channels, num_blocks, stride), time_stride in zip(
        STAGES, config.time_strides, strict=True
    ):
        for index in range(num_blocks):
            step: Triple = (time_stride, stride, stride) if index == 0 else (1, 1, 1)
            in_channels = plans[-1].out_channels
            out_channels = scale_channels(channels, config.width)
            plans += _plan_block(in_channels, out_channels, step, len(plans))
    return tuple(plans)


def _plan_stem(channels: int, stem: Stem) -> ConvPlan:
    kernel: Triple = (3, 3, 3) if stem == "3x3x3" else (1, 3, 3)
    stride: Triple = (1, 2, 2) if stem == "3x3x3" else (2, 2, 2)
    padding: Triple = (1, 1, 1) if stem == "3x3x3" else (0, 1, 1)
    return ConvPlan(
        name="stem",
        in_channels=3,
        out_channels=channels,
        kernel=kernel,
        stride=stride,
        padding=padding,
    )


def _plan_block(
    in_channels: int, out_channels: int, step: Triple, position: int
) -> tuple[ConvPlan, ConvPlan]:
    name = f"block{(position + 1) // 2}"
    depthwise = ConvPlan(
        name=f"{name}_depthwise",
        in_channels=in_channels,
        out_channels=in_channels,
        kernel=(3, 3, 3),
        stride=step,
        padding=(1, 1, 1),
        groups=in_channels,
    )
    pointwise = ConvPlan(
        name=f"{name}_pointwise",
        in_channels=in_channels,
        out_channels=out_channels,
        kernel=(1, 1, 1),
        stride=(1, 1, 1),
        padding=(0, 0, 0),
    )
    return depthwise, pointwise


class MobileNet3D(nn.Module):
    """3D-MobileNet that takes raw frames and gives logits.

    Args:
        num_classes: K.
        config: Width, stem and strides; see `plan_mobilenet3d`.
        mean: Per channel (RGB) mean in 0-255.
        std: Per channel (RGB) deviation in 0-255.
        dropout: Share of the pooled features dropped in training; 0.2 is the published value.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        config: NetworkConfig,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        plans = plan_mobilenet3d(config)
        self.normalize = Normalize(mean=mean, std=std)
        self.features = nn.Sequential()
        for plan in plans:
            self.features.add_module(plan.name, ConvNormRelu(plan))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(plans[-1].out_channels, num_classes)
        # Twice as fast on CPUs as the default layout; torch's annotations lack the argument.
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def forward(self, windows_NTHWC: Tensor) -> Tensor:
        """Return `logits_NK` float32 for raw windows, uint8 or float in 0-255."""
        return self.head(self.dropout(self.pool(windows_NTHWC)))  # type: ignore[no-any-return]

    def pool(self, windows_NTHWC: Tensor) -> Tensor:
        """Return the features before the head, averaged over T, H and W: shape (N, C), >= 0."""
        maps_NCTHW: Tensor = self.features(self.normalize(windows_NTHWC))
        return maps_NCTHW.mean(dim=(2, 3, 4))

    def layers(self) -> Iterator[ConvNormRelu]:
        """Yield the convolution layers in order."""
        for layer in self.features:
            assert isinstance(layer, ConvNormRelu)
            yield layer


def build_mobilenet3d(
    config: NetworkConfig, *, spec: ClipSpec, num_classes: int, dropout: float = 0.2
) -> MobileNet3D:
    """Return the network that a card or a recipe describes, with fresh weights."""
    return MobileNet3D(
        num_classes,
        config=config,
        mean=spec.mean,
        std=spec.std,
        dropout=dropout,
    )


def load_published_mobilenet(network: MobileNet3D, state: Mapping[str, Tensor]) -> WeightsReport:
    """Give a network the published weights that fit; another head, or stem, is left out.

    Args:
        network: Of the width that the weights were published for.
        state: The published state dict, as `training.published.read_published` gives it.
    """
    return load_matching(network, map_published_mobilenet(state))


def map_published_mobilenet(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the published tensors under this network's names; unknown ones keep their own."""
    return {_map_name(name): tensor for name, tensor in state.items()}


def _map_name(name: str) -> str:
    for pattern, ours in PUBLISHED_NAMES:
        mapped, count = re.subn(f"^{pattern}", ours, name)
        if count:
            return mapped
    return name
