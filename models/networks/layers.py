"""Layers that the networks share, and the plan that describes a chain of them."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

Triple = tuple[int, int, int]


def scale_channels(num_channels: int, width: float) -> int:
    """Return a number of channels times the width multiplier, rounded down, at least 1."""
    return max(1, int(num_channels * width))


@dataclass(frozen=True, kw_only=True)
class ConvPlan:
    """One convolution of a chain, followed by batch normalization and ReLU.

    Attributes:
        name: Name of the layer in its network.
        in_channels: Channels it takes.
        out_channels: Channels it gives.
        kernel: Size in T, H, W.
        stride: Step in T, H, W.
        padding: Zeros at both ends of T, H, W.
        groups: `in_channels` if the convolution is depthwise, else 1.
    """

    name: str
    in_channels: int
    out_channels: int
    kernel: Triple
    stride: Triple
    padding: Triple
    groups: int = 1

    @property
    def weight_shape(self) -> tuple[int, int, int, int, int]:
        """Shape of the weight: (out, in per group, T, H, W)."""
        return (self.out_channels, self.in_channels // self.groups, *self.kernel)

    def out_size(self, size_THW: Triple) -> Triple:
        """Return T, H, W of the output for T, H, W of the input."""
        sizes = zip(size_THW, self.kernel, self.stride, self.padding, strict=True)
        t, h, w = ((n + 2 * pad - kernel) // step + 1 for n, kernel, step, pad in sizes)
        return (t, h, w)


class ConvNormRelu(nn.Module):
    """Convolution without bias, batch normalization, ReLU."""

    def __init__(self, plan: ConvPlan) -> None:
        super().__init__()
        self.plan = plan
        self.conv = nn.Conv3d(
            plan.in_channels,
            plan.out_channels,
            plan.kernel,
            stride=plan.stride,
            padding=plan.padding,
            groups=plan.groups,
            bias=False,
        )
        self.norm = nn.BatchNorm3d(plan.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output, >= 0."""
        return torch.relu_(self.norm(self.conv(x)))

    def folded(self) -> tuple[Tensor, Tensor]:
        """Return weight and bias of the one convolution that equals this layer in evaluation."""
        norm = self.norm
        mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
        factor = norm.weight / torch.sqrt(variance + norm.eps)
        weight = self.conv.weight * factor.reshape(-1, 1, 1, 1, 1)
        return weight.detach(), (norm.bias - mean * factor).detach()


class Normalize(nn.Module):
    """Turns raw frames into what convolutions take.

    Mean and deviation come from the card's spec, so they are no part of the weights.
    """

    def __init__(
        self, *, mean: tuple[float, float, float], std: tuple[float, float, float]
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).reshape(1, 3, 1, 1, 1), persistent=False)
        self.mean: Tensor
        self.std: Tensor

    def forward(self, windows_NTHWC: Tensor) -> Tensor:
        """Return `clips_NCTHW` float32, laid out channels last in memory as the frames are."""
        raw_NCTHW = windows_NTHWC.permute(0, 4, 1, 2, 3)
        return (raw_NCTHW.float() - self.mean) / self.std
