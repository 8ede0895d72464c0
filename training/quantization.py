"""The student with simulated int8 arithmetic, to be calibrated or trained, and its conversion.

Weights are int8, symmetric, of seven bits, with one scale for each output channel. It takes up the
factor that batch normalization multiplies the channel with, so that normalization may stay a
layer of its own here and still be folded into the weights without another rounding.
Activations are uint8 with one scale for each tensor and zero point 0, for they follow a ReLU.

Axes: N windows, T frames, C channels, H W pixels, K classes, O output channels.
"""

import copy
from collections.abc import Iterable, Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchao.quantization.pt2e import (
    FakeQuantize,
    FusedMovingAvgObsFakeQuantize,
    HistogramObserver,
    MovingAverageMinMaxObserver,
    MovingAveragePerChannelMinMaxObserver,
)

from models.networks.layers import ConvNormRelu, Normalize, convolve
from models.networks.mobilenet3d import MobileNet3D

# A channel that normalization multiplies by nothing still needs a scale that engines accept.
MIN_WEIGHT_SCALE = 1e-12
# What one step of a raw byte stands for. A power of two, so that nothing is rounded, and not 1,
# which OpenVINO 2026.4 takes for an input that is not quantized. The stem's weights make up for it.
INPUT_SCALE = 1 / 64
MAX_WEIGHT = 64
"""Largest number that a weight is stored as. Processors with AVX2 and no VNNI add two products of
uint8 and int8 in int16, which holds 2 * 255 * 64 and saturates above; nobody says so. With 127 as
the largest, that moved logits of `mobilenet3d-lite` by up to 3.6 and changed 4 % of its answers."""


class QatConv(nn.Module):
    """A layer of the student with simulated int8 weights and uint8 output."""

    def __init__(self, layer: ConvNormRelu) -> None:
        super().__init__()
        self.plan = layer.plan
        self.conv = layer.conv
        self.norm = layer.norm
        self.weight_quantizer = _make_weight_quantizer()
        self.output_quantizer = _make_activation_quantizer()

    def forward(self, x: Tensor) -> Tensor:
        """Return the layer's output as the int8 engine would round it."""
        y = convolve(x, self.quantized_weight(), self.conv_bias(), self.plan)
        return self.output_quantizer(torch.relu_(self.norm(y)))  # type: ignore[no-any-return]

    def quantized_weight(self) -> Tensor:
        """Return the weight as int8 would round it, before normalization is folded in."""
        return self.weight_quantizer(self.conv.weight)  # type: ignore[no-any-return]

    def conv_bias(self) -> Tensor | None:
        """Return what is added before normalization, shape (O,)."""
        return None


class QatStem(QatConv):
    """The first layer: takes raw bytes as its quantized input, so nothing is rounded.

    A byte stands for `INPUT_SCALE * (byte - zero_point)`. What that leaves of the normalization is
    folded into weights and bias, except that padding stands for the zero point and not the mean.
    """

    def __init__(self, layer: ConvNormRelu, normalize: Normalize) -> None:
        super().__init__(layer)
        zero_point = normalize.mean.mean().round().clamp(0, 255)
        self.register_buffer("zero_point", zero_point, persistent=False)
        gain = 1 / (normalize.std * INPUT_SCALE)
        self.register_buffer("gain", gain.reshape(1, 3, 1, 1, 1), persistent=False)
        shift = (zero_point - normalize.mean) / normalize.std
        self.register_buffer("shift", shift, persistent=False)
        self.zero_point: Tensor
        self.gain: Tensor
        self.shift: Tensor

    def forward(self, windows_NTHWC: Tensor) -> Tensor:
        """Return the layer's output for raw windows, uint8 or float in 0-255."""
        raw_NCTHW = windows_NTHWC.permute(0, 4, 1, 2, 3)
        return super().forward((raw_NCTHW.float() - self.zero_point) * INPUT_SCALE)

    def quantized_weight(self) -> Tensor:
        """Return the weight for scaled bytes as int8 would round it."""
        return self.weight_quantizer(self.conv.weight * self.gain)  # type: ignore[no-any-return]

    def conv_bias(self) -> Tensor:
        """Return what the difference between zero point and mean adds, shape (O,)."""
        return self.conv.weight.sum(dim=(2, 3, 4)) @ self.shift


class QatMobileNet3D(nn.Module):
    """The student as its int8 twin will compute it, in floats that gradients pass through.

    Args:
        network: Float student; it is copied.
    """

    def __init__(self, network: MobileNet3D) -> None:
        super().__init__()
        network = copy.deepcopy(network)
        stem, *others = network.layers()
        self.features = nn.Sequential(QatStem(stem, network.normalize), *map(QatConv, others))
        self.features_quantizer = _make_activation_quantizer()
        self.dropout = network.dropout
        self.head = network.head
        self.head_quantizer = _make_weight_quantizer()
        self._is_observing = True
        self._is_norm_frozen = False

    def forward(self, windows_NTHWC: Tensor) -> Tensor:
        """Return `logits_NK` float32 for raw windows, uint8 or float in 0-255."""
        features_NC = self.features_quantizer(self.features(windows_NTHWC).mean(dim=(2, 3, 4)))
        weight_KC = self.head_quantizer(self.head.weight)
        return F.linear(self.dropout(features_NC), weight_KC, self.head.bias)

    def train(self, mode: bool = True) -> "QatMobileNet3D":
        """Switch training mode; in evaluation no range and no statistic moves."""
        super().train(mode)
        for layer in self.layers():
            layer.norm.train(mode and not self._is_norm_frozen)
        for quantizer in self.activation_quantizers():
            quantizer.enable_observer(mode and self._is_observing)
        return self

    def set_observers(self, enabled: bool) -> None:
        """Let the ranges of activations follow the data in training, or hold them."""
        self._is_observing = enabled
        self.train(self.training)

    def freeze_batchnorm(self) -> None:
        """Hold the statistics of batch normalization, also in training."""
        self._is_norm_frozen = True
        self.train(self.training)

    def layers(self) -> Iterator[QatConv]:
        """Yield the convolution layers in order."""
        for layer in self.features:
            assert isinstance(layer, QatConv)
            yield layer

    def activation_quantizers(self) -> list[Any]:
        """Return the quantizers of all activations in order; the last one is the head's input."""
        return [*(layer.output_quantizer for layer in self.layers()), self.features_quantizer]


def post_training_quantize(network: MobileNet3D, batches: Iterable[Tensor]) -> QatMobileNet3D:
    """Quantize a float student without training it.

    The ranges of activations are those of least squared error on the batches.

    Args:
        network: Float student; it is copied.
        batches: Raw windows, each uint8 of shape (N, T, H, W, C); at least one batch.

    Returns:
        The quantized student in evaluation mode: to be converted, or to be trained further.

    Raises:
        ValueError: If there are no batches.
    """
    qat = QatMobileNet3D(network).eval()
    quantizers = qat.activation_quantizers()
    observers = [_make_histogram_observer().to(qat.head.weight.device) for _ in quantizers]
    if not _observe(qat, batches, quantizers, observers):
        raise ValueError("no batches to calibrate on")
    for quantizer, observer in zip(quantizers, observers, strict=True):
        _set_scale(quantizer, observer.calculate_qparams()[0])
    return qat


def convert(qat: QatMobileNet3D) -> dict[str, Tensor]:
    """Return the tensors of `Int8MobileNet3D` that compute what the simulation does."""
    stem = next(qat.layers())
    assert isinstance(stem, QatStem)
    tensors = {
        "input_scale": torch.tensor(INPUT_SCALE),
        "input_zero_point": stem.zero_point.to(torch.uint8),
    }
    with torch.no_grad():
        for layer in qat.layers():
            tensors |= _name(f"features.{layer.plan.name}", _convert_conv(layer))
        tensors |= _name("head", _convert_head(qat))
    return {name: tensor.detach().cpu() for name, tensor in tensors.items()}


def _make_weight_quantizer() -> Any:
    """Return a quantizer whose range is always that of the weights as they are now.

    It is not the fused one, which is not symmetric for a channel whose weights all have one sign:
    with a zero point and half the scale (torch 2.13), its weights would not fit int8.
    """
    return FakeQuantize(
        MovingAveragePerChannelMinMaxObserver,
        quant_min=-MAX_WEIGHT,
        quant_max=MAX_WEIGHT,
        dtype=torch.int8,
        qscheme=torch.per_channel_symmetric,
        averaging_constant=1.0,
    )


def _make_activation_quantizer() -> Any:
    return FusedMovingAvgObsFakeQuantize(
        MovingAverageMinMaxObserver, quant_min=0, quant_max=255, dtype=torch.uint8
    )


def _make_histogram_observer() -> Any:
    return HistogramObserver(quant_min=0, quant_max=255, dtype=torch.uint8)


def _observe(
    qat: QatMobileNet3D, batches: Iterable[Tensor], quantizers: list[Any], observers: list[Any]
) -> int:
    """Show every observer what its quantizer is given, unrounded; return the number of batches."""
    handles = []
    for quantizer, observer in zip(quantizers, observers, strict=True):
        quantizer.disable_fake_quant()
        handles.append(quantizer.register_forward_pre_hook(_make_hook(observer)))
    num_batches = 0
    with torch.no_grad():
        for windows_NTHWC in batches:
            qat(windows_NTHWC.to(qat.head.weight.device))
            num_batches += 1
    for quantizer, handle in zip(quantizers, handles, strict=True):
        quantizer.enable_fake_quant()
        handle.remove()
    return num_batches


def _make_hook(observer: Any) -> Any:
    def observe(_: nn.Module, args: tuple[Tensor]) -> None:
        observer(args[0])

    return observe


def _set_scale(quantizer: Any, scale: Tensor) -> None:
    """Set a scale, and the range from which training would move it further."""
    quantizer.scale.copy_(scale)
    quantizer.activation_post_process.min_val.fill_(0.0)
    quantizer.activation_post_process.max_val.copy_(scale.squeeze() * quantizer.quant_max)


def _name(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def _convert_conv(layer: QatConv) -> dict[str, Tensor]:
    """Fold normalization: its factor into scales and signs, the rest into the bias."""
    norm = layer.norm
    mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
    factor_O = norm.weight / torch.sqrt(variance + norm.eps)
    stored, scale_O = _store(layer.quantized_weight(), layer.weight_quantizer)
    shift = layer.conv_bias()
    before_O = -mean if shift is None else shift - mean
    return {
        "weight": stored * factor_O.sign().to(torch.int8).reshape(-1, 1, 1, 1, 1),
        "weight_scale": (scale_O * factor_O.abs()).clamp(min=MIN_WEIGHT_SCALE),
        "bias": norm.bias + before_O * factor_O,
        "output_scale": layer.output_quantizer.scale.squeeze(),
    }


def _convert_head(qat: QatMobileNet3D) -> dict[str, Tensor]:
    stored_KC, scale_K = _store(qat.head_quantizer(qat.head.weight), qat.head_quantizer)
    return {
        "weight": stored_KC,
        "weight_scale": scale_K,
        "bias": qat.head.bias,
        "input_scale": qat.features_quantizer.scale.squeeze(),
    }


def _store(rounded: Tensor, quantizer: Any) -> tuple[Tensor, Tensor]:
    """Return int8 numbers and their scales for a weight that the quantizer has rounded."""
    scale_O = quantizer.scale
    shape = (-1, *(1,) * (rounded.dim() - 1))
    return (rounded / scale_O.reshape(shape)).round().to(torch.int8), scale_O
