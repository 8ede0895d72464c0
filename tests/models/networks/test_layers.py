import torch
from torch.nn import functional as F

from models.networks.layers import ConvPlan, Normalize
from tests.model_factory import make_network

PLAN = ConvPlan(
    name="conv",
    in_channels=8,
    out_channels=8,
    kernel=(3, 3, 3),
    stride=(1, 2, 2),
    padding=(1, 1, 1),
    groups=8,
)


def test_plan_knows_the_shapes_that_torch_computes() -> None:
    maps = torch.zeros(1, 8, 5, 9, 8)

    out = F.conv3d(maps, torch.zeros(PLAN.weight_shape), None, PLAN.stride, PLAN.padding, 1, 8)

    assert tuple(out.shape[2:]) == PLAN.out_size((5, 9, 8))


def test_folded_convolution_equals_convolution_and_normalization() -> None:
    layer = next(make_network().layers())
    maps = torch.randn(2, 3, 4, 8, 8)

    weight, bias = layer.folded()
    folded = F.conv3d(maps, weight, bias, layer.plan.stride, layer.plan.padding).relu()

    # Folding rounds each weight once more in float32.
    torch.testing.assert_close(folded, layer(maps), atol=1e-5, rtol=1e-5)


def test_frames_are_normalized_by_channel() -> None:
    frames = torch.tensor([10, 20, 30], dtype=torch.uint8).reshape(1, 1, 1, 1, 3)

    clips_NCTHW = Normalize(mean=(0.0, 10.0, 20.0), std=(1.0, 2.0, 5.0))(frames)

    assert clips_NCTHW.flatten().tolist() == [10.0, 5.0, 2.0]


def test_normalization_is_no_part_of_the_weights() -> None:
    assert not Normalize(mean=(1.0, 1.0, 1.0), std=(1.0, 1.0, 1.0)).state_dict()
