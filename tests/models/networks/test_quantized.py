import pytest
import torch

from models.checkpoint import read_weights, write_weights
from models.errors import WeightsError
from models.networks.quantized import Int8Conv, Int8MobileNet3D, build_int8_mobilenet3d
from models.spec import ClipSpec
from tests.model_factory import TINY_CONFIG, TINY_SPEC, make_network, make_windows, quantize

Tensors = dict[str, torch.Tensor]

# What would mean that a convolution, or what lies between two, is computed in float.
FLOAT_OPERATORS = {
    "aten::conv3d",
    "aten::convolution",
    "aten::mkldnn_convolution",
    "aten::quantize_per_tensor",
    "aten::dequantize",
    "aten::relu",
    "aten::relu_",
}


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    return quantize(make_network())


def build(tensors: Tensors, *, spec: ClipSpec = TINY_SPEC, num_classes: int = 3) -> Int8MobileNet3D:
    return build_int8_mobilenet3d(tensors, config=TINY_CONFIG, spec=spec, num_classes=num_classes)


def test_convolutions_run_in_int8(tensors: Tensors) -> None:
    network = build(tensors)
    windows = make_windows()[0]

    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        network(windows)

    counts = {event.key: event.count for event in profile.key_averages()}
    assert counts["onednn::qconv3d_pointwise"] == 27
    assert counts["onednn::qlinear_pointwise"] == 1
    assert not FLOAT_OPERATORS & set(counts)


def test_every_layer_takes_and_gives_bytes(tensors: Tensors) -> None:
    network = build(tensors)
    dtypes = []
    for layer in network.features:
        layer.register_forward_hook(
            lambda _, args, output: dtypes.extend([args[0].dtype, output.dtype])
        )

    network(make_windows()[0])

    assert dtypes == [torch.uint8] * 54


def test_weights_packed_once_serve_any_number_of_windows(tensors: Tensors) -> None:
    network = build(tensors)
    windows = make_windows(batch_size=5)[0]

    together = network(windows)
    one_by_one = torch.cat([network(window[None]) for window in windows])

    # Integers add up to the same in any order; only the float head may differ in the last bit.
    torch.testing.assert_close(together, one_by_one, atol=1e-6, rtol=1e-6)


def test_tensors_survive_the_file(
    tensors: Tensors, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    windows = make_windows()[0]

    write_weights(path, tensors)

    assert torch.equal(build(read_weights(path))(windows), build(tensors)(windows))


def test_float_tensors_are_refused() -> None:
    with pytest.raises(WeightsError, match=r"missing features\.stem\.weight"):
        build(make_network().state_dict())


def test_float_weights_under_int8_names_are_refused(tensors: Tensors) -> None:
    name = "features.stem.weight"

    with pytest.raises(WeightsError, match=f"{name} is float32 .* expected int8"):
        build(tensors | {name: tensors[name].float()})


def test_another_number_of_classes_is_refused(tensors: Tensors) -> None:
    with pytest.raises(
        WeightsError, match=r"head\.bias is float32 \(3,\), expected float32 \(4,\)"
    ):
        build(tensors, num_classes=4)


def test_lower_end_of_the_bytes_is_the_relu(tensors: Tensors) -> None:
    network = build(tensors)
    stem = network.features[0]
    assert isinstance(stem, Int8Conv)
    stem.bias.fill_(-100.0)

    maps_NCTHW = stem(make_windows()[0].permute(0, 4, 1, 2, 3))

    assert maps_NCTHW.count_nonzero() == 0
