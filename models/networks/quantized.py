"""The int8 twin of the student: the same chain, computed in int8 by oneDNN.

It uses the operators that torch's own compiler lowers quantized networks to. Between the raw
frames and the pooled features nothing is a float: a convolution takes uint8 and gives uint8.

Axes: N windows, T frames, C channels, H W pixels, K classes.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from models.card import NetworkConfig
from models.checkpoint import load_strictly
from models.networks.layers import ConvPlan, Triple
from models.networks.mobilenet3d import plan_mobilenet3d
from models.spec import ClipSpec

NO_POST_OP: tuple[str, list[float], str] = ("none", [], "")


class Int8Conv(nn.Module):
    """Convolution, batch normalization and ReLU as one int8 operator.

    A value is `scale * (stored - zero_point)`. Outputs have zero point 0, so that the lower end of
    their uint8 range is the ReLU.
    """

    def __init__(self, plan: ConvPlan) -> None:
        super().__init__()
        self.plan = plan
        channels = plan.out_channels
        self.register_buffer("weight", torch.zeros(plan.weight_shape, dtype=torch.int8))
        self.register_buffer("weight_scale", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("output_scale", torch.tensor(1.0))
        self.weight: Tensor
        self.weight_scale: Tensor
        self.bias: Tensor
        self.output_scale: Tensor

    def prepare(self, input_scale: float, input_zero_point: int, size_THW: Triple) -> None:
        """Pack the weights for inputs of one scale and size; any batch size may follow."""
        self._input_scale = input_scale
        self._input_zero_point = input_zero_point
        self._output_scale = self.output_scale.item()
        plan = self.plan
        self._packed = torch.ops.onednn.qconv_prepack(
            self.weight,
            self.weight_scale,
            input_scale,
            input_zero_point,
            plan.stride,
            plan.padding,
            (1, 1, 1),
            plan.groups,
            # Without the shape, oneDNN packs for a reference kernel that is 40 times slower.
            (1, plan.in_channels, *size_THW),
        )
        self._weight_zero_point = torch.zeros(plan.out_channels, dtype=torch.int32)

    def forward(self, x_NCTHW: Tensor) -> Tensor:
        """Return the layer's output, uint8, for uint8."""
        plan = self.plan
        y_NCTHW: Tensor = torch.ops.onednn.qconv3d_pointwise(
            x_NCTHW,
            self._input_scale,
            self._input_zero_point,
            self._packed,
            self.weight_scale,
            self._weight_zero_point,
            self.bias,
            plan.stride,
            plan.padding,
            (1, 1, 1),
            plan.groups,
            self._output_scale,
            0,
            torch.uint8,
            *NO_POST_OP,
        )
        return y_NCTHW


class Int8Linear(nn.Module):
    """The head: quantizes the pooled features, multiplies in int8, gives float logits."""

    def __init__(self, in_features: int, num_classes: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(num_classes, in_features, dtype=torch.int8))
        self.register_buffer("weight_scale", torch.ones(num_classes))
        self.register_buffer("bias", torch.zeros(num_classes))
        self.register_buffer("input_scale", torch.tensor(1.0))
        self.weight: Tensor
        self.weight_scale: Tensor
        self.bias: Tensor
        self.input_scale: Tensor

    def prepare(self) -> None:
        """Pack the weights."""
        self._input_scale = self.input_scale.item()
        self._packed = torch.ops.onednn.qlinear_prepack(self.weight, None)
        self._weight_zero_point = torch.zeros(self.weight.shape[0], dtype=torch.int32)

    def forward(self, features_NC: Tensor) -> Tensor:
        """Return `logits_NK` float32 for float features."""
        stored_NC = (features_NC / self._input_scale).round_().clamp_(0, 255).to(torch.uint8)
        logits_NK: Tensor = torch.ops.onednn.qlinear_pointwise(
            stored_NC,
            self._input_scale,
            0,
            self._packed,
            self.weight_scale,
            self._weight_zero_point,
            self.bias,
            1.0,
            0,
            torch.float32,
            *NO_POST_OP,
        )
        return logits_NK


class Int8MobileNet3D(nn.Module):
    """The quantized 3D-MobileNet; see `MobileNet3D` for its float parent.

    Raw bytes are its quantized input: mean and deviation are folded into the stem.

    Args:
        num_classes: K.
        config: Width, stem and strides.
    """

    def __init__(self, num_classes: int, *, config: NetworkConfig) -> None:
        super().__init__()
        plans = plan_mobilenet3d(config)
        self.register_buffer("input_scale", torch.tensor(1.0))
        self.register_buffer("input_zero_point", torch.tensor(0, dtype=torch.uint8))
        self.input_scale: Tensor
        self.input_zero_point: Tensor
        self.features = nn.Sequential()
        for plan in plans:
            self.features.add_module(plan.name, Int8Conv(plan))
        self.head = Int8Linear(plans[-1].out_channels, num_classes)

    def prepare(self, size_THW: Triple) -> None:
        """Pack all weights for clips of one size; needed once before the first call."""
        scale, zero_point = self.input_scale.item(), int(self.input_zero_point.item())
        for layer in self.features:
            assert isinstance(layer, Int8Conv)
            layer.prepare(scale, zero_point, size_THW)
            scale, zero_point = layer.output_scale.item(), 0
            size_THW = layer.plan.out_size(size_THW)
        self._features_scale = scale
        self.head.prepare()

    def forward(self, windows_NTHWC: Tensor) -> Tensor:
        """Return `logits_NK` float32 for raw windows, uint8."""
        maps_NCTHW = self.features(windows_NTHWC.permute(0, 4, 1, 2, 3))
        features_NC = maps_NCTHW.float().mean(dim=(2, 3, 4)) * self._features_scale
        return self.head(features_NC)  # type: ignore[no-any-return]


def build_int8_mobilenet3d(
    tensors: Mapping[str, Tensor], *, config: NetworkConfig, spec: ClipSpec, num_classes: int
) -> Int8MobileNet3D:
    """Return the quantized network of a card, ready to run.

    Args:
        tensors: Contents of the card's weights file.
        config: Width, stem and strides.
        spec: Gives the size of the clips.
        num_classes: K.

    Raises:
        WeightsError: If the tensors are not exactly the network's.
    """
    network = Int8MobileNet3D(num_classes, config=config)
    load_strictly(network, tensors)
    network.prepare((spec.num_frames, spec.size_px, spec.size_px))
    return network.eval()
