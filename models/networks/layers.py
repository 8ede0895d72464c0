"""Layers that the networks share, and the plan that describes a chain of them."""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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

    Args:
        x: Maps, float, shape (N, C, T, H, W).
        weight: Of the plan's shape.
        bias: Shape (O,), if any.
        plan: Of a layer.
    """
    is_depthwise = plan.groups == plan.in_channels == plan.out_channels > 1
    if is_depthwise and x.device.type == "cpu":
        y: Tensor = _DepthwiseConv.apply(x, weight, plan)  # type: ignore[no-untyped-call]
        return y if bias is None else y + bias.reshape(-1, 1, 1, 1)
    return F.conv3d(x, weight, bias, plan.stride, plan.padding, 1, plan.groups)


class _DepthwiseConv(torch.autograd.Function):
    """A depthwise convolution whose gradients are sums over the kernel's taps in time.

    PyTorch's processor kernels for these gradients are written for two dimensions, not for three:
    on one thread with AVX2 (torch 2.13), forward and backward together take 3 to 8.6 times longer
    with `conv3d` alone, and a step of the paper's student 2.3 times (1.7 of mobilenet3d-lite).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, plan: ConvPlan) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.plan = plan
        return F.conv3d(x, weight, None, plan.stride, plan.padding, 1, plan.groups)

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor, Tensor, None]:
        # Of a smaller type under autocast, as the convolution's output is.
        x, weight = (saved.to(grad_y.dtype) for saved in ctx.saved_tensors)
        plan = ctx.plan
        x_NTHWC, grad_y_NTHWC = x.permute(0, 2, 3, 4, 1), grad_y.permute(0, 2, 3, 4, 1)
        grad_x_NTHWC = torch.zeros_like(x_NTHWC, memory_format=torch.contiguous_format)
        grad_weight = torch.zeros_like(weight)
        for tap in range(plan.kernel[0]):
            steps, frames = _meet(tap, plan, num_frames=x.shape[2], num_steps=grad_y.shape[2])
            grad_frames_NTHWC, grad_weight[:, :, tap] = _differentiate_frames(
                grad_y_NTHWC[:, steps], x_NTHWC[:, frames], weight[:, :, tap], plan
            )
            grad_x_NTHWC[:, frames] += grad_frames_NTHWC
        return grad_x_NTHWC.permute(0, 4, 1, 2, 3), grad_weight, None


def _meet(tap: int, plan: ConvPlan, *, num_frames: int, num_steps: int) -> tuple[slice, slice]:
    """Return the steps at which a tap in time meets a frame and no padding, and those frames."""
    stride, before = plan.stride[0], plan.padding[0] - tap
    first = max(0, -(-before // stride))
    stop = max(first, min(num_steps, -(-(num_frames + before) // stride)))
    start = first * stride - before
    return slice(first, stop), slice(start, start + (stop - first) * stride, stride)


def _differentiate_frames(
    grad_y_NTHWC: Tensor, x_NTHWC: Tensor, weight: Tensor, plan: ConvPlan
) -> tuple[Tensor, Tensor]:
    """Return the gradients of frames and weight of a depthwise convolution in two dimensions."""
    grad_x, grad_weight, _ = torch.ops.aten.convolution_backward(
        grad_y_NTHWC.flatten(0, 1).permute(0, 3, 1, 2),
        x_NTHWC.flatten(0, 1).permute(0, 3, 1, 2),
        weight,
        None,
        plan.stride[1:],
        plan.padding[1:],
        (1, 1),
        False,
        (0, 0),
        plan.groups,
        (True, True, False),
    )
    return grad_x.permute(0, 2, 3, 1).unflatten(0, x_NTHWC.shape[:2]), grad_weight


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
