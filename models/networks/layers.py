"""Layers that the networks share, and the plan that describes a chain of them."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Triple = tuple[int, int, int]

MAX_FOLDED_FRAMES = 4
"""Up to so many frames, a depthwise layer trains faster as a sum over its taps in time."""


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
        y = convolve(x, self.conv.weight, None, self.plan) if self.training else self.conv(x)
        return torch.relu_(self.norm(y))

    def folded(self) -> tuple[Tensor, Tensor]:
        """Return weight and bias of the one convolution that equals this layer in evaluation."""
        norm = self.norm
        mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
        factor = norm.weight / torch.sqrt(variance + norm.eps)
        weight = self.conv.weight * factor.reshape(-1, 1, 1, 1, 1)
        return weight.detach(), (norm.bias - mean * factor).detach()


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, plan: ConvPlan) -> Tensor:
    """Return a plan's convolution, in the way that trains fastest.

    PyTorch's processor kernels are written for depthwise convolutions in two dimensions, not in
    three: forward and backward together, two-dimensional ones take an eighth of the time for two
    frames and two thirds for four; with eight, there is no gain. (torch 2.13, Zen 5, AVX-512.)

    Args:
        x: Maps, float, shape (N, C, T, H, W).
        weight: Of the plan's shape.
        bias: Shape (O,), if any.
        plan: Of a layer.
    """
    is_depthwise = plan.groups == plan.in_channels == plan.out_channels > 1
    if is_depthwise and x.shape[2] <= MAX_FOLDED_FRAMES and x.device.type == "cpu":
        y = _convolve_by_taps(x, weight, plan)
        return y if bias is None else y + bias.reshape(-1, 1, 1, 1)
    return F.conv3d(x, weight, bias, plan.stride, plan.padding, 1, plan.groups)


def _convolve_by_taps(x: Tensor, weight: Tensor, plan: ConvPlan) -> Tensor:
    """Return the depthwise convolution as a sum over the kernel's taps in time."""
    num_frames = x.shape[2]
    num_out = plan.out_size(cast(Triple, tuple(x.shape[2:])))[0]
    x_NTHWC = x.permute(0, 2, 3, 4, 1)
    terms = []
    for tap in range(plan.kernel[0]):
        frames = [step * plan.stride[0] + tap - plan.padding[0] for step in range(num_out)]
        inside = [frame for frame in frames if 0 <= frame < num_frames]
        if inside:
            taken_NTHWC = x_NTHWC[:, inside[0] : inside[-1] + 1 : plan.stride[0]]
            y_NTHWC = _convolve_frames(taken_NTHWC, weight[:, :, tap], plan)
            before = sum(frame < 0 for frame in frames)
            after = num_out - len(inside) - before
            terms.append(F.pad(y_NTHWC, (0, 0, 0, 0, 0, 0, before, after)))
    return torch.stack(terms).sum(dim=0).permute(0, 4, 1, 2, 3)


def _convolve_frames(x_NTHWC: Tensor, weight: Tensor, plan: ConvPlan) -> Tensor:
    y = F.conv2d(
        x_NTHWC.flatten(0, 1).permute(0, 3, 1, 2),
        weight,
        stride=plan.stride[1:],
        padding=plan.padding[1:],
        groups=plan.groups,
    )
    y_NTHWC: Tensor = y.permute(0, 2, 3, 1).unflatten(0, x_NTHWC.shape[:2])
    return y_NTHWC


class Normalize(nn.Module):
    """Turns raw frames into what convolutions take.

    Mean and deviation come from the card's spec, so they are no part of the weights.
    """

    def __init__(
        self, *, mean: tuple[float, float, float], std: tuple[float, float, float]
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("std", torch.tensor(std), persistent=False)
        self.mean: Tensor
        self.std: Tensor

    def forward(self, windows_NTHWC: Tensor) -> Tensor:
        """Return `clips_NCTHW` float32, laid out channels last in memory as the frames are."""
        # Whole rows of pixels at once: three times as fast as over an innermost axis of three.
        width = windows_NTHWC.shape[3]
        rows = windows_NTHWC.flatten(3).float() - self.mean.repeat(width)
        clips_NTHWC = rows.div_(self.std.repeat(width)).unflatten(3, (width, 3))
        clips_NCTHW: Tensor = clips_NTHWC.permute(0, 4, 1, 2, 3)
        return clips_NCTHW
