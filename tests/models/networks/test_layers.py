from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from models.networks.layers import ConvPlan, Normalize, convolve
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


@pytest.mark.parametrize("num_frames", [1, 2, 3, 8])
@pytest.mark.parametrize("stride", [1, 2])
def test_convolution_and_its_gradients_are_those_of_torch(num_frames: int, stride: int) -> None:
    plan = replace(PLAN, stride=(stride, stride, stride))
    maps = torch.randn(2, 8, num_frames, 5, 6, requires_grad=True)
    weight = torch.randn(plan.weight_shape, requires_grad=True)
    bias = torch.randn(8, requires_grad=True)
    inputs = (maps, weight, bias)

    ours = convolve(maps, weight, bias, plan)
    theirs = F.conv3d(maps, weight, bias, plan.stride, plan.padding, 1, 8)

    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    gradients = [torch.autograd.grad(out.square().sum(), inputs) for out in (ours, theirs)]
    torch.testing.assert_close(*gradients, atol=1e-3, rtol=1e-4)


def test_gradients_under_autocast_are_those_without() -> None:
    maps = torch.randn(2, 8, 3, 5, 6)
    weight = torch.randn(PLAN.weight_shape, requires_grad=True)

    with torch.autocast("cpu", torch.bfloat16):
        out = convolve(maps, weight, None, PLAN)
    (rounded,) = torch.autograd.grad(out.sum(), weight)
    (exact,) = torch.autograd.grad(convolve(maps, weight, None, PLAN).sum(), weight)

    assert (out.dtype, rounded.dtype) == (torch.bfloat16, torch.float32)
    torch.testing.assert_close(rounded, exact, atol=0.1, rtol=0.02)


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


def test_frames_are_left_as_they_were() -> None:
    frames = torch.full((1, 1, 2, 2, 3), 100.0)

    Normalize(mean=(1.0, 1.0, 1.0), std=(1.0, 1.0, 1.0))(frames)

    assert frames.eq(100.0).all()


def test_normalization_is_no_part_of_the_weights() -> None:
    assert not Normalize(mean=(1.0, 1.0, 1.0), std=(1.0, 1.0, 1.0)).state_dict()
