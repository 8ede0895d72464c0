from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from models.card import NetworkConfig
from models.checkpoint import write_weights
from models.networks.mobilenet3d import MobileNet3D, build_mobilenet3d
from models.networks.quantized import build_int8_mobilenet3d
from tests.model_factory import TINY_CONFIG, TINY_SPEC, make_network, make_windows, quantize
from training.onnx_export import export_fp32, export_int8


def run(path: Path, windows: torch.Tensor) -> np.ndarray:
    """Run a file as it is written, on an engine that the service does not use."""
    options = ort.SessionOptions()
    # What onnxruntime makes of a graph by itself rounds the biases of int8 layers, too.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    logits_NK: np.ndarray = session.run(["logits_NK"], {"windows_NTHWC": windows.numpy()})[0]
    return logits_NK


def full_size_network() -> MobileNet3D:
    return build_mobilenet3d(NetworkConfig(), spec=TINY_SPEC, num_classes=34).eval()


def test_float_file_gives_what_the_network_gives(tmp_path: Path) -> None:
    network, windows = make_network(), make_windows(batch_size=3)[0]

    export_fp32(network, tmp_path / "model.onnx", spec=TINY_SPEC)

    with torch.no_grad():
        # Sums of float32 in another order.
        np.testing.assert_allclose(
            run(tmp_path / "model.onnx", windows), network(windows).numpy(), atol=1e-4
        )


def test_int8_file_gives_what_the_int8_network_gives(tmp_path: Path) -> None:
    tensors, windows = quantize(make_network()), make_windows(batch_size=3)[0]
    network = build_int8_mobilenet3d(tensors, config=TINY_CONFIG, spec=TINY_SPEC, num_classes=3)

    export_int8(tensors, TINY_CONFIG, tmp_path / "model.onnx", spec=TINY_SPEC)

    logits_NK = network(windows).numpy()
    # Now and then a byte falls on the other side of one half.
    np.testing.assert_allclose(
        run(tmp_path / "model.onnx", windows), logits_NK, atol=0.05 * logits_NK.std()
    )


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_files_name_their_input_and_output(tmp_path: Path, precision: str) -> None:
    path = tmp_path / "model.onnx"
    if precision == "fp32":
        export_fp32(make_network(), path, spec=TINY_SPEC)
    else:
        export_int8(quantize(make_network()), TINY_CONFIG, path, spec=TINY_SPEC)

    graph = onnx.load(path).graph

    given, answered = graph.input[0], graph.output[0]
    assert (given.name, answered.name) == ("windows_NTHWC", "logits_NK")
    assert given.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    sizes = [size.dim_value or size.dim_param for size in given.type.tensor_type.shape.dim]
    assert sizes == ["N", 4, 32, 32, 3]


def test_weights_of_an_int8_file_are_stored_as_int8(tmp_path: Path) -> None:
    export_int8(quantize(make_network()), TINY_CONFIG, tmp_path / "model.onnx", spec=TINY_SPEC)

    graph = onnx.load(tmp_path / "model.onnx").graph

    stored = {tensor.name: tensor.data_type for tensor in graph.initializer if len(tensor.dims) > 1}
    assert len(stored) == 28
    assert set(stored.values()) == {onnx.TensorProto.INT8}


def test_exported_files_do_not_depend_on_when_they_are_written(tmp_path: Path) -> None:
    for name in ("first", "second"):
        export_fp32(make_network(), tmp_path / name, spec=TINY_SPEC)

    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()


def test_int8_files_take_less_than_a_third_of_the_float_ones(tmp_path: Path) -> None:
    network = full_size_network()
    tensors = quantize(network)
    write_weights(tmp_path / "float.safetensors", network.state_dict())
    write_weights(tmp_path / "int8.safetensors", tensors)
    export_fp32(network, tmp_path / "float.onnx", spec=TINY_SPEC)
    export_int8(tensors, NetworkConfig(), tmp_path / "int8.onnx", spec=TINY_SPEC)

    for kind in ("safetensors", "onnx"):
        ratio = (tmp_path / f"int8.{kind}").stat().st_size / (
            tmp_path / f"float.{kind}"
        ).stat().st_size
        assert ratio <= 0.30
