import pytest
import torch

from models.card import NetworkConfig, Stem, TimeStrides
from models.networks.mobilenet3d import (
    MobileNet3D,
    build_mobilenet3d,
    load_published_mobilenet,
    map_published_mobilenet,
    plan_mobilenet3d,
)
from models.spec import ClipSpec
from tests.model_factory import make_network, make_windows

Tensors = dict[str, torch.Tensor]

# Parameters of the published definition, counted there.
PUBLISHED_NUM_PARAMETERS = {1.0: 3_912_984, 0.5: 1_171_896}


def build(*, width: float = 0.25, stem: Stem = "3x3x3", num_classes: int = 5) -> MobileNet3D:
    config = NetworkConfig(width=width, stem=stem)
    return build_mobilenet3d(config, spec=ClipSpec(), num_classes=num_classes)


def publish(network: MobileNet3D) -> Tensors:
    """Return the network's tensors under the names of the published checkpoint."""
    published = {}
    for index, layer in enumerate(network.layers()):
        conv, norm = ("0.0", "0.1") if index == 0 else _names_in_block(index)
        published[f"features.{conv}.weight"] = layer.conv.weight.detach()
        for name, tensor in layer.norm.state_dict().items():
            published[f"features.{norm}.{name}"] = tensor
    published["classifier.1.weight"] = network.head.weight.detach()
    published["classifier.1.bias"] = network.head.bias.detach()
    return published


def _names_in_block(index: int) -> tuple[str, str]:
    block, part = (index + 1) // 2, 1 if index % 2 else 2
    return f"{block}.conv{part}", f"{block}.bn{part}"


@pytest.mark.parametrize("width", [1.0, 0.5])
def test_network_has_as_many_parameters_as_the_published_one(width: float) -> None:
    with torch.device("meta"):
        network = build(width=width, num_classes=600)

    num_parameters = sum(parameter.numel() for parameter in network.parameters())

    assert num_parameters == PUBLISHED_NUM_PARAMETERS[width]


@pytest.mark.parametrize(("stem", "size_THW"), [("3x3x3", (16, 56, 56)), ("1x3x3", (8, 56, 56))])
def test_stem_decides_how_many_frames_are_left(stem: Stem, size_THW: tuple[int, int, int]) -> None:
    plans = plan_mobilenet3d(NetworkConfig(stem=stem))

    assert plans[0].out_size((16, 112, 112)) == size_THW
    assert len(plans) == 27


@pytest.mark.parametrize(
    ("time_strides", "num_frames"),
    [((2, 2, 2, 2, 1), [8, 4, 2, 1, 1]), ((1, 2, 1, 2, 1), [16, 8, 8, 4, 4])],
)
def test_time_strides_decide_how_many_frames_each_stage_sees(
    time_strides: TimeStrides, num_frames: list[int]
) -> None:
    size_THW = (16, 112, 112)
    seen = {}
    for plan in plan_mobilenet3d(NetworkConfig(time_strides=time_strides)):
        size_THW = plan.out_size(size_THW)
        if plan.groups == 1:
            seen[plan.out_channels] = size_THW[0]

    assert list(seen.values()) == [16, *num_frames]
    assert size_THW[1:] == (4, 4)


@pytest.mark.parametrize("stem", ["3x3x3", "1x3x3"])
def test_windows_of_any_number_give_one_row_of_logits_each(stem: Stem) -> None:
    network = make_network(config=NetworkConfig(width=0.25, stem=stem), num_classes=5)

    logits_NK = network(make_windows(batch_size=3)[0])

    assert logits_NK.shape == (3, 5)
    assert logits_NK.dtype == torch.float32


def test_raw_floats_give_what_raw_bytes_give() -> None:
    network = make_network()
    windows = make_windows()[0]

    assert torch.equal(network(windows), network(windows.float()))


def test_narrowest_network_has_a_channel_everywhere() -> None:
    plans = plan_mobilenet3d(NetworkConfig(width=0.001))

    assert {plan.out_channels for plan in plans} == {1}


def test_pooled_features_are_what_the_head_sees() -> None:
    network = make_network()
    windows = make_windows()[0]

    features_NC = network.pool(windows)

    assert features_NC.shape == (4, 256)
    assert torch.equal(network.head(features_NC), network(windows))


def test_published_weights_are_taken_whole() -> None:
    network, other = build(), build()

    report = load_published_mobilenet(network, publish(other))

    assert (report.skipped, report.missing) == ((), ())
    windows = make_windows(spec=ClipSpec(num_frames=4, size_px=32))[0]
    assert torch.equal(network.eval()(windows), other.eval()(windows))


def test_published_head_of_other_classes_is_left_out() -> None:
    network = build(num_classes=5)
    head = network.head.weight.clone()

    report = load_published_mobilenet(network, publish(build(num_classes=600)))

    assert report.skipped == ("head.weight", "head.bias")
    assert report.missing == ("head.weight", "head.bias")
    assert torch.equal(network.head.weight, head)


def test_published_stem_does_not_fit_the_flat_one() -> None:
    report = load_published_mobilenet(build(stem="1x3x3"), publish(build()))

    assert report.skipped == ("features.stem.conv.weight",)


def test_unknown_published_names_are_kept() -> None:
    assert list(map_published_mobilenet({"other.weight": torch.ones(1)})) == ["other.weight"]
