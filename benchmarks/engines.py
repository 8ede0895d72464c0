"""Every way to run a pair of models: the project's own runtimes, and peers.

All of them take the same raw bytes and run the same weights, one window at a call.

Axes: N windows, T frames, C channels, H W pixels, K classes.
"""

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch._inductor import config as inductor_config

from models.card import ONNX_FILE, WEIGHTS_FILE, read_card
from models.checkpoint import load_strictly, read_weights
from models.classifier import load_classifier
from models.networks.mobilenet3d import MobileNet3D, build_mobilenet3d
from models.runtimes import RuntimeName
from models.runtimes.openvino import compile_settings, shared_core
from training.pairs import NUM_CALIBRATION_WINDOWS, Pair, make_windows

Precision = Literal["fp32", "int8"]
Infer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A way to run a pair.

    Attributes:
        precision: What it computes in.
        build: Gives the function that returns logits_1K of one window, for a pair and a number of
            threads.
    """

    precision: Precision
    build: Callable[[Pair, int], Infer]


def _build_ours(
    pair: Pair, num_threads: int, *, precision: Precision, runtime_name: RuntimeName
) -> Infer:
    folder = pair.fp32 if precision == "fp32" else pair.int8
    return load_classifier(folder, runtime_name=runtime_name, num_threads=num_threads).runtime.infer


def _build_eager(pair: Pair, num_threads: int) -> Infer:
    """Run the network as PyTorch lays it out by itself, as the paper's code does."""
    # torch's annotations lack the argument.
    network = _read_network(pair.fp32).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return _call_torch(network)


def _build_inductor(pair: Pair, num_threads: int) -> Infer:
    """Compile with weights frozen: only then are normalizations folded and weights packed."""
    window_1THWC = make_windows(read_card(pair.fp32).spec, num_windows=1, seed=0)
    # What torch.compile takes as an option comes too late for the part that traces the network.
    with inductor_config.patch(freezing=True):
        infer = _call_torch(torch.compile(_read_network(pair.fp32)))
        infer(window_1THWC)
    return infer


def _build_fx(pair: Pair, num_threads: int, *, backend: str) -> Infer:
    """Quantize after training by torch.ao's FX mode, whose removal torch has announced."""
    # Imported here because torch may have lost them.
    from torch.ao.quantization import get_default_qconfig_mapping
    from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

    network = _read_network(pair.fp32)
    clips = [network.normalize(window) for window in _calibration_windows(pair.fp32)]
    torch.backends.quantized.engine = backend
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        prepared = prepare_fx(_fold(network), get_default_qconfig_mapping(backend), (clips[0],))
        for clip_1CTHW in clips:
            prepared(clip_1CTHW)
        quantized = convert_fx(prepared)
    return _call_torch(nn.Sequential(network.normalize, quantized))


def _build_onnxruntime(pair: Pair, num_threads: int, *, precision: Precision) -> Infer:
    import onnxruntime as ort

    folder = pair.fp32 if precision == "fp32" else pair.int8
    options = ort.SessionOptions()
    options.intra_op_num_threads = num_threads
    options.add_free_dimension_override_by_name("N", 1)
    session = ort.InferenceSession(folder / ONNX_FILE, options, providers=["CPUExecutionProvider"])
    given, answered = session.get_inputs()[0].name, session.get_outputs()[0].name

    def infer(window_1THWC: NDArray[np.uint8]) -> NDArray[np.float32]:
        (logits_1K,) = session.run([answered], {given: window_1THWC})
        return logits_1K  # type: ignore[no-any-return]

    return infer


def _build_nncf(pair: Pair, num_threads: int) -> Infer:
    """Quantize the same float network after training by OpenVINO's own tool."""
    compiled = shared_core().compile_model(
        _quantize_by_nncf(pair.fp32), "CPU", compile_settings(num_threads)
    )
    request = compiled.create_infer_request()

    def infer(window_1THWC: NDArray[np.uint8]) -> NDArray[np.float32]:
        request.infer([window_1THWC], share_inputs=True)
        logits_1K: NDArray[np.float32] = request.get_output_tensor().data.copy()
        return logits_1K

    return infer


OURS: Mapping[str, Engine] = {
    f"{precision} on {runtime_name}": Engine(
        precision=precision,
        build=partial(_build_ours, precision=precision, runtime_name=runtime_name),
    )
    for runtime_name in ("openvino", "torch")
    for precision in ("fp32", "int8")
}
PAPERS_FLOAT = "torch eager fp32"
PAPERS_INT8 = "torch FX int8, fbgemm"
PEERS: Mapping[str, Engine] = {
    PAPERS_FLOAT: Engine(precision="fp32", build=_build_eager),
    "torch inductor fp32": Engine(precision="fp32", build=_build_inductor),
    PAPERS_INT8: Engine(precision="int8", build=partial(_build_fx, backend="fbgemm")),
    "torch FX int8, x86": Engine(precision="int8", build=partial(_build_fx, backend="x86")),
    "onnxruntime fp32": Engine(
        precision="fp32", build=partial(_build_onnxruntime, precision="fp32")
    ),
    "onnxruntime int8": Engine(
        precision="int8", build=partial(_build_onnxruntime, precision="int8")
    ),
    "nncf int8 on openvino": Engine(precision="int8", build=_build_nncf),
}


def _read_network(folder: Path) -> MobileNet3D:
    card = read_card(folder)
    network = build_mobilenet3d(card.network, spec=card.spec, num_classes=len(card.labels))
    load_strictly(network, read_weights(folder / WEIGHTS_FILE))
    return network.eval()


def _call_torch(network: Callable[[Tensor], Tensor]) -> Infer:
    def infer(window_1THWC: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits_1K: NDArray[np.float32] = network(torch.from_numpy(window_1THWC)).numpy()
        return logits_1K

    return infer


def _calibration_windows(folder: Path) -> Iterator[Tensor]:
    """Yield the windows that the int8 model of a random pair was calibrated on, one at a time."""
    spec = read_card(folder).spec
    windows_NTHWC = make_windows(spec, num_windows=NUM_CALIBRATION_WINDOWS, seed=0)
    yield from torch.from_numpy(windows_NTHWC).split(1)


def _fold(network: MobileNet3D) -> nn.Sequential:
    """Return the network for normalized clips in the layers that FX mode knows how to fuse."""
    layers: list[nn.Module] = []
    for layer in network.layers():
        plan = layer.plan
        conv = nn.Conv3d(
            plan.in_channels,
            plan.out_channels,
            plan.kernel,
            stride=plan.stride,
            padding=plan.padding,
            groups=plan.groups,
        )
        weight, bias = layer.folded()
        conv.load_state_dict({"weight": weight, "bias": bias})
        layers += [conv, nn.ReLU()]
    head = copy.deepcopy(network.head)
    return nn.Sequential(*layers, nn.AdaptiveAvgPool3d(1), nn.Flatten(), head).eval()


def _quantize_by_nncf(folder: Path) -> Any:
    with contextlib.redirect_stdout(io.StringIO()):
        # After the runtime's module, which keeps OpenVINO from reporting its use.
        import nncf

        nncf.set_log_level(logging.ERROR)
        model = shared_core().read_model(folder / ONNX_FILE)
        model.reshape([1, *read_card(folder).spec.clip_shape])
        windows = [window.numpy() for window in _calibration_windows(folder)]
        return nncf.quantize(model, nncf.Dataset(windows), subset_size=len(windows))
