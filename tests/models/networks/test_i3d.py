import pytest
import torch
from torch.nn import functional as F

from models.errors import WeightsError
from models.networks.i3d import I3D, SamePool, Unit3D, load_published, pad_same

MEAN = STD = (127.5, 127.5, 127.5)


def build(*, num_classes: int = 5, width: float = 0.125) -> I3D:
    return I3D(num_classes, width=width, mean=MEAN, std=STD)


def test_names_and_number_of_tensors_are_the_published_ones() -> None:
    with torch.device("meta"):
        state = build(num_classes=400, width=1.0).state_dict()

    assert len(state) == 344  # as the published definition has, counted there
    assert state["Conv3d_1a_7x7.conv3d.weight"].shape == (64, 3, 7, 7, 7)
    assert state["Mixed_4f.b2b.conv3d.weight"].shape == (128, 32, 3, 3, 3)
    assert state["Mixed_5c.b3b.bn.running_var"].shape == (128,)
    assert state["logits.conv3d.weight"].shape == (400, 1024, 1, 1, 1)
    assert state["logits.conv3d.bias"].shape == (400,)


@pytest.mark.parametrize(
    ("size", "width", "step", "before", "after"),
    [(112, 7, 2, 2, 3), (5, 3, 2, 1, 1), (6, 3, 2, 0, 1), (4, 2, 2, 0, 0), (9, 3, 1, 1, 1)],
)
def test_padding_is_that_of_tensorflow(
    size: int, width: int, step: int, before: int, after: int
) -> None:
    line = torch.ones(1, 1, 1, 1, size)

    padded = pad_same(line, (1, 1, width), (1, 1, step)).flatten().tolist()

    assert padded == [0.0] * before + [1.0] * size + [0.0] * after


def test_each_axis_is_padded_for_itself() -> None:
    padded = pad_same(torch.ones(1, 1, 4, 5, 6), (1, 3, 7), (1, 2, 2))

    assert padded.shape == (1, 1, 4, 7, 11)


def test_units_without_stride_keep_the_size() -> None:
    unit = Unit3D(2, 3, (3, 3, 3))

    assert unit(torch.ones(1, 2, 4, 5, 6)).shape == (1, 3, 4, 5, 6)


@pytest.mark.parametrize("num_frames", [1, 2, 4])
def test_gradient_in_bfloat16_is_that_of_full_precision_but_for_rounding(num_frames: int) -> None:
    torch.manual_seed(0)
    unit = Unit3D(32, 64, (3, 3, 3))
    x = torch.randn(16, 32, num_frames, 4, 4)
    output_gradient = torch.randn(16, 64, num_frames, 4, 4)
    weight = unit.conv3d.weight

    def gradient(*, is_mixed: bool) -> torch.Tensor:
        _ = [torch.full((2**size,), 1e30) for size in range(8, 21)]  # what a kernel may leave there
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=is_mixed):
            y = unit(x)
        (found,) = torch.autograd.grad(y, weight, output_gradient.to(y.dtype))
        return found

    expected = gradient(is_mixed=False)
    assert (gradient(is_mixed=True) - expected).norm() < 0.1 * expected.norm()


def test_layer_of_pictures_stays_in_full_precision() -> None:
    unit = Unit3D(3, 8, (7, 7, 7), (2, 2, 2)).eval()
    pictures = torch.rand(1, 3, 4, 16, 16)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = unit(pictures)

    assert torch.equal(mixed, unit(pictures))


def test_pools_halve_the_size_rounding_up() -> None:
    pool = SamePool((3, 3, 3), (2, 2, 2))

    assert pool(torch.ones(1, 1, 5, 6, 7)).shape == (1, 1, 3, 3, 4)


@pytest.mark.parametrize(("num_frames", "size_px"), [(16, 112), (4, 32), (9, 50)])
def test_clips_of_any_size_give_logits(num_frames: int, size_px: int) -> None:
    windows = torch.randint(0, 256, (2, num_frames, size_px, size_px, 3), dtype=torch.uint8)

    logits_NK = build().eval()(windows)

    assert logits_NK.shape == (2, 5)
    assert logits_NK.isfinite().all()


def test_published_pooling_is_that_of_64_frames_at_224_pixels() -> None:
    network = build().eval()
    maps = torch.rand(1, network.logits.conv3d.in_channels, 8, 7, 7)

    published_NKT = network.logits(F.avg_pool3d(maps, (2, 7, 7), stride=1)).flatten(2)

    assert published_NKT.shape == (1, 5, 7)
    torch.testing.assert_close(network.classify(maps), published_NKT.mean(dim=2))


def test_published_weights_are_taken_and_another_head_is_left_out() -> None:
    network, published = build(num_classes=5), build(num_classes=400).state_dict()

    report = load_published(network, published)

    assert report.skipped == ("logits.conv3d.weight", "logits.conv3d.bias")
    assert report.missing == report.skipped
    assert torch.equal(
        network.state_dict()["Mixed_3b.b1a.conv3d.weight"], published["Mixed_3b.b1a.conv3d.weight"]
    )


def test_published_weights_without_step_counters_are_taken_whole() -> None:
    network = build()
    published = {
        name: tensor
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }

    assert load_published(network, published).missing == ()


def test_weights_of_another_width_are_refused() -> None:
    with pytest.raises(WeightsError, match="none of"):
        load_published(build(width=0.25), {"Mixed_3b.b0.conv3d.weight": torch.ones(8, 24, 1, 1, 1)})


def test_dropout_is_as_asked_for() -> None:
    assert I3D(2, width=0.125, dropout=0.3, mean=MEAN, std=STD).dropout.p == 0.3
