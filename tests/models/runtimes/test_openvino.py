import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import pytest

from models.card import ONNX_FILE, ModelCard, read_card
from models.errors import WeightsError
from models.folder import read_folder
from models.runtimes.openvino import OpenVinoRuntime
from tests.conftest import REPOSITORY_ROOT
from tests.model_factory import make_windows, write_model_folder

Precision = Literal["fp32", "int8"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    write_model_folder(root, name="tiny-fp32")
    write_model_folder(root, name="tiny-int8", precision="int8")
    return root


def load(root: Path, precision: Precision, /, **changes: object) -> OpenVinoRuntime:
    folder = root / f"tiny-{precision}" / "1"
    card = ModelCard.model_validate(read_card(folder).model_dump() | changes)
    return OpenVinoRuntime((folder / ONNX_FILE).read_bytes(), card, num_threads=1)


def executed(runtime: OpenVinoRuntime, layer_type: str, fact: str) -> list[str]:
    """Return what OpenVINO says about each layer of a type as it executes it."""
    layers = [node.get_rt_info() for node in runtime._compiled.get_runtime_model().get_ops()]
    return [
        layer[fact].astype(str) for layer in layers if layer["layerType"].astype(str) == layer_type
    ]


def test_as_many_calls_are_computed_at_once_as_there_are_streams(root: Path) -> None:
    model = read_folder(root / "tiny-int8" / "1")

    runtime = OpenVinoRuntime(model.contents[ONNX_FILE], model.card, num_threads=1, num_streams=2)

    assert runtime._compiled.get_property("NUM_STREAMS") == 2
    assert runtime._compiled.get_property("INFERENCE_NUM_THREADS") == 2


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_networks_do_without_tiles(root: Path, precision: Precision) -> None:
    kernels = executed(load(root, precision), "Convolution", "primitiveType")

    assert kernels
    assert not [kernel for kernel in kernels if "amx" in kernel]
    assert "ONEDNN_MAX_CPU_ISA" not in os.environ


def test_windows_of_any_number_give_one_row_of_logits_each(root: Path) -> None:
    windows = make_windows(batch_size=5)[0].numpy()

    logits_NK = load(root, "fp32").infer(windows)

    assert logits_NK.shape == (5, 3)
    assert logits_NK.dtype == np.float32


def test_int8_model_runs_in_int8(root: Path) -> None:
    runtime = load(root, "int8")

    precisions = executed(runtime, "Convolution", "runtimePrecision")
    assert len(precisions) == 27
    assert set(precisions) <= {"i8", "u8"}
    assert executed(runtime, "FullyConnected", "runtimePrecision") == ["u8"]


def test_layers_of_an_int8_model_hand_on_bytes(root: Path) -> None:
    outputs = executed(load(root, "int8"), "Convolution", "outputPrecisions")

    assert outputs == ["u8"] * 27


def test_float_model_runs_in_full_floats(root: Path) -> None:
    assert executed(load(root, "fp32"), "Convolution", "runtimePrecision") == ["f32"] * 27


def test_threads_share_a_runtime(root: Path) -> None:
    runtime = load(root, "int8")
    batches = [batch.numpy() for batch in make_windows(num_batches=8)]
    expected = [runtime.infer(batch) for batch in batches]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(runtime.infer, batches * 5))

    for answer, wanted in zip(answers, expected * 5, strict=True):
        np.testing.assert_array_equal(answer, wanted)


def test_an_answer_stays_what_it_was(root: Path) -> None:
    runtime = load(root, "fp32")
    first, second = (batch.numpy() for batch in make_windows(num_batches=2))

    answer = runtime.infer(first)
    kept = answer.copy()
    runtime.infer(second)

    np.testing.assert_array_equal(answer, kept)


def test_read_only_windows_are_answered(root: Path) -> None:
    windows = make_windows()[0].numpy()
    runtime = load(root, "int8")
    expected = runtime.infer(windows)
    windows.setflags(write=False)

    np.testing.assert_array_equal(runtime.infer(windows), expected)


def test_another_number_of_labels_is_refused(root: Path) -> None:
    with pytest.raises(WeightsError, match=r"has output f32 x \? x 3, its card needs f32 x \? x 4"):
        load(root, "fp32", labels=("a", "b", "c", "d"))


def test_another_size_of_clips_is_refused(root: Path) -> None:
    spec = {"num_frames": 8, "size_px": 32}

    with pytest.raises(WeightsError, match=r"has input u8 x \? x 4 x 32 x 32 x 3, its card needs"):
        load(root, "fp32", spec=spec)


def test_float_file_with_an_int8_card_is_refused(root: Path) -> None:
    with pytest.raises(WeightsError, match="network that is fp32, its card says int8"):
        load(root, "fp32", precision="int8", parent="other@1")


def test_int8_file_with_a_float_card_is_refused(root: Path) -> None:
    with pytest.raises(WeightsError, match="network that is int8, its card says fp32"):
        load(root, "int8", precision="fp32", parent=None)


def test_int8_weights_alone_make_no_int8_model(tmp_path: Path) -> None:
    folder = write_model_folder(tmp_path, precision="int8")
    _drop_rounding_of_activations(folder / ONNX_FILE)

    with pytest.raises(WeightsError, match="network that is half quantized, its card says int8"):
        OpenVinoRuntime((folder / ONNX_FILE).read_bytes(), read_card(folder), num_threads=1)


def _drop_rounding_of_activations(path: Path) -> None:
    model = onnx.load(path)
    nodes = [node for node in model.graph.node if node.op_type != "QuantizeLinear"]
    sources = {node.output[0]: node.input[0] for node in model.graph.node}
    for node in nodes:
        stored = node.input[0] if node.op_type == "DequantizeLinear" else ""
        if stored in sources:  # the value behind the pair becomes the one before it
            del node.input[:]
            node.op_type = "Identity"
            node.input.append(sources[stored])
            del node.attribute[:]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save_model(model, path)


def test_file_that_is_no_network_is_refused(tmp_path: Path) -> None:
    card = read_card(write_model_folder(tmp_path))

    with pytest.raises(WeightsError, match=r"model\.onnx cannot be read: Unable to read") as caught:
        OpenVinoRuntime(b"nonsense", card, num_threads=1)

    assert ".cpp" not in str(caught.value)


def test_runtime_starts_without_torch(root: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from models.folder import read_folder;"
        "from models.runtimes import load_runtime; model = read_folder(Path(sys.argv[1]));"
        "load_runtime('openvino', model.contents, model.card, num_threads=1);"
        "print([name for name in ('torch', 'onnx', 'safetensors') if name in sys.modules])"
    )

    printed = subprocess.run(
        [sys.executable, "-c", program, str(root / "tiny-fp32" / "1")],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
    ).stdout

    assert printed.strip() == "[]"


# Two models that end in the order in which they came, then a signal: see `shared_core`.
SIGNAL_AFTER_MODELS = """
import os, signal, sys
from pathlib import Path
from models.classifier import load_classifier
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
models = [load_classifier(Path(sys.argv[1]), runtime_name="openvino", num_threads=1)
          for _ in range(2)]
while models:
    del models[0]
os.kill(os.getpid(), signal.SIGUSR1)
"""


def test_signal_is_handled_after_models_have_ended(tmp_path: Path) -> None:
    folder = write_model_folder(tmp_path)

    ended = subprocess.run(
        [sys.executable, "-c", SIGNAL_AFTER_MODELS, str(folder)],
        cwd=REPOSITORY_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (0, "handled\n"), ended.stderr
