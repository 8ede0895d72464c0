import copy
import functools

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from models.card import NetworkConfig
from models.networks.mobilenet3d import MobileNet3D
from models.networks.quantized import build_int8_mobilenet3d
from models.spec import ClipSpec
from tests.model_factory import TINY_CONFIG, TINY_SPEC, make_network, make_windows
from training.quantization import QatMobileNet3D, QatStem, convert, post_training_quantize

UNEQUAL_SPEC = ClipSpec(
    num_frames=4, size_px=32, mean=(120.0, 110.0, 100.0), std=(60.0, 50.0, 40.0)
)


def calibrate(network: MobileNet3D, *, spec: ClipSpec = TINY_SPEC) -> QatMobileNet3D:
    return post_training_quantize(network, make_windows(num_batches=2, batch_size=8, spec=spec))


@functools.cache
def _calibrated() -> QatMobileNet3D:
    return calibrate(make_network())


def make_calibrated() -> QatMobileNet3D:
    """Return a network to train or break; calibrating once is enough."""
    return copy.deepcopy(_calibrated())


def assert_converts(
    qat: QatMobileNet3D,
    windows: Tensor,
    *,
    config: NetworkConfig = TINY_CONFIG,
    spec: ClipSpec = TINY_SPEC,
) -> None:
    """Assert that the converted network computes what was simulated."""
    network = build_int8_mobilenet3d(convert(qat), config=config, spec=spec, num_classes=3)
    with torch.no_grad():
        simulated_NK, int8_NK = qat(windows), network(windows)

    # The simulation adds in float32: now and then a byte falls on the other side of one half.
    torch.testing.assert_close(int8_NK, simulated_NK, atol=0.02 * simulated_NK.std().item(), rtol=0)


def train(qat: QatMobileNet3D, *, num_steps: int = 4, learning_rate: float = 1e-3) -> list[float]:
    """Teach the network, without dropout, to tell three brightnesses apart."""
    torch.manual_seed(0)
    qat.dropout.p = 0.0
    label_index_N = torch.arange(12) % 3
    noise = torch.rand(12, *TINY_SPEC.clip_shape) * 64
    windows = (noise + 64 * label_index_N.reshape(-1, 1, 1, 1, 1)).to(torch.uint8)
    optimizer = torch.optim.Adam(qat.parameters(), lr=learning_rate)
    losses = []
    for _ in range(num_steps):
        loss = F.cross_entropy(qat(windows), label_index_N)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def state_of(qat: QatMobileNet3D) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in qat.state_dict().items()}


def changed(before: dict[str, Tensor], after: dict[str, Tensor], ending: str) -> bool:
    return any(
        not torch.equal(before[name], after[name]) for name in before if name.endswith(ending)
    )


@pytest.mark.parametrize("spec", [TINY_SPEC, UNEQUAL_SPEC])
@pytest.mark.parametrize(
    "config", [TINY_CONFIG, NetworkConfig(width=0.25, stem="1x3x3", time_strides=(1, 2, 1, 2, 1))]
)
def test_calibrated_network_stays_close_to_the_float_one(
    config: NetworkConfig, spec: ClipSpec
) -> None:
    network = make_network(config=config, spec=spec)
    windows = make_windows(batch_size=8, seed=1, spec=spec)[0]

    with torch.no_grad():
        float_NK, quantized_NK = network(windows), calibrate(network, spec=spec)(windows)

    # Random layers amplify what eight bits lose, and unequal means make the padding differ by up
    # to a quarter of a deviation, which tiny clips are full of.
    error = (quantized_NK - float_NK).square().mean().sqrt()
    assert error < 0.4 * float_NK.std()


@pytest.mark.parametrize("spec", [TINY_SPEC, UNEQUAL_SPEC])
@pytest.mark.parametrize(
    "config", [TINY_CONFIG, NetworkConfig(width=0.25, stem="1x3x3", time_strides=(1, 2, 1, 2, 1))]
)
def test_converted_network_computes_what_was_simulated(
    config: NetworkConfig, spec: ClipSpec
) -> None:
    qat = calibrate(make_network(config=config, spec=spec), spec=spec)
    windows = make_windows(batch_size=8, seed=1, spec=spec)[0]

    assert_converts(qat, windows, config=config, spec=spec)


def test_trained_network_converts_to_what_was_simulated() -> None:
    qat = make_calibrated().train()
    train(qat)
    qat.eval()

    assert_converts(qat, make_windows(batch_size=8, seed=1)[0])


def test_channels_that_normalization_inverts_or_drops_are_converted() -> None:
    network = make_network()
    for layer in network.layers():
        layer.norm.weight.data[0] *= -1.0
        layer.norm.weight.data[1] = 0.0
    qat = calibrate(network)

    assert_converts(qat, make_windows(seed=1)[0])


def test_channels_whose_weights_have_one_sign_are_converted() -> None:
    network = make_network()
    for layer in network.layers():
        layer.conv.weight.data[0].abs_()
        layer.conv.weight.data[1].abs_().neg_()
    network.head.weight.data[0].abs_()
    qat = calibrate(network)

    assert_converts(qat, make_windows(seed=1)[0])


def test_two_products_fit_sixteen_bits() -> None:
    qat = make_calibrated().train()
    train(qat)

    stored = [tensor for tensor in convert(qat).values() if tensor.dtype == torch.int8]

    assert len(stored) == len(list(qat.layers())) + 1
    assert all(2 * 255 * tensor.abs().max().item() <= 2**15 - 1 for tensor in stored)
    assert all(tensor.flatten(1).abs().amax(dim=1).eq(64).all() for tensor in stored)


def test_weights_that_are_all_the_largest_are_converted() -> None:
    network = make_network()
    for layer in network.layers():
        layer.conv.weight.data.sign_().mul_(layer.conv.weight[0].numel() ** -0.5)
    qat = calibrate(network)

    assert_converts(qat, make_windows(seed=1)[0])


def test_training_brings_the_loss_down() -> None:
    losses = train(make_calibrated().train(), num_steps=40, learning_rate=3e-3)

    assert losses[-1] < 0.3 * losses[0]


def test_every_parameter_is_trained() -> None:
    qat = make_calibrated().train()

    train(qat, num_steps=1)

    without = [name for name, value in qat.named_parameters() if value.grad is None]
    assert without == []


def test_the_float_network_is_left_alone() -> None:
    network = make_network()
    before = copy.deepcopy(network.state_dict())

    train(calibrate(network).train())

    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_ranges_and_statistics_follow_the_data_in_training() -> None:
    qat = make_calibrated().train()
    before = state_of(qat)

    train(qat)

    after = state_of(qat)
    assert changed(before, after, "output_quantizer.scale")
    assert changed(before, after, "running_mean")


def test_ranges_stay_when_observers_are_off() -> None:
    qat = make_calibrated().train()
    qat.set_observers(enabled=False)
    before = state_of(qat)

    train(qat)

    after = state_of(qat)
    assert not changed(before, after, "output_quantizer.scale")
    assert changed(before, after, "weight_quantizer.scale")
    qat.set_observers(enabled=True)
    train(qat)
    assert changed(after, state_of(qat), "output_quantizer.scale")


def test_statistics_stay_when_normalization_is_frozen() -> None:
    qat = make_calibrated().train()
    qat.freeze_batchnorm()
    before = state_of(qat)

    train(qat.train())

    after = state_of(qat)
    assert not changed(before, after, "running_mean")
    assert changed(before, after, "norm.weight")


def test_nothing_moves_in_evaluation() -> None:
    qat = make_calibrated()
    before = state_of(qat)

    with torch.no_grad():
        qat(make_windows(seed=3)[0])

    assert not changed(before, state_of(qat), "")


def test_interrupted_training_goes_on_from_its_state() -> None:
    qat, resumed = (make_calibrated().train() for _ in range(2))
    train(qat)
    resumed.load_state_dict(qat.state_dict())
    windows = make_windows(seed=3)[0]

    with torch.no_grad():
        assert torch.equal(qat.eval()(windows), resumed.eval()(windows))


def test_activations_have_zero_point_zero() -> None:
    qat = make_calibrated().train()

    train(qat)

    assert all(quantizer.zero_point.item() == 0 for quantizer in qat.activation_quantizers())


def test_raw_bytes_are_the_quantized_input() -> None:
    stem = next(calibrate(make_network(spec=UNEQUAL_SPEC), spec=UNEQUAL_SPEC).layers())
    assert isinstance(stem, QatStem)

    assert stem.zero_point.item() == 110
    assert convert(make_calibrated())["input_zero_point"].dtype == torch.uint8


def test_calibration_without_batches_is_refused() -> None:
    with pytest.raises(ValueError, match="no batches to calibrate on"):
        post_training_quantize(make_network(), [])
