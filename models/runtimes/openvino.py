"""Runs model.onnx with OpenVINO on the CPU.

Axes: N windows of one video, T frames, H W pixels, C channels (RGB), K classes.
"""

import hashlib
import io
import os
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache

import numpy as np

# As if it were not installed: OpenVINO then reports nothing of its use to its makers.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

import openvino as ov
import openvino.opset13 as opset
from numpy.typing import NDArray

from models.card import ONNX_FILE, ModelCard
from models.errors import WeightsError
from models.faults import word_engine_fault
from models.processor import read_processor
from models.runtimes import RuntimeName
from models.runtimes.compiled import CompiledFolder

# oneDNN's cap on instruction sets, https://uxlfoundation.github.io/oneDNN/dev_guide_cpu_dispatcher_control.html
ISA_VARIABLE = "ONEDNN_MAX_CPU_ISA"
MOST_BELOW_AMX = "AVX512_CORE_FP16"
CPU_FACTS = ("model name", "flags", "Features")  # the last on ARM


class OpenVinoRuntime:
    """A network compiled by OpenVINO.

    Calls from several threads are computed at once by as many streams as there are, and others
    wait for one, so that a model keeps to the processor budget of its service.

    Args:
        onnx: Content of model.onnx, already checked against the card.
        card: The folder's card.
        num_threads: Processor threads of one stream.
        num_streams: Calls that are computed at once.
        compiled: Where compiled networks are kept; None if they are not.

    Raises:
        WeightsError: If model.onnx cannot be compiled or does not fit the card.
    """

    def __init__(
        self,
        onnx: bytes,
        card: ModelCard,
        *,
        num_threads: int,
        num_streams: int = 1,
        compiled: CompiledFolder | None = None,
    ) -> None:
        settings = compile_settings(num_threads, num_streams=num_streams)
        self._compiled = (
            _compile(onnx, card, settings)
            if compiled is None
            else _find_or_compile(onnx, card, settings, compiled)
        )
        self._local = threading.local()

    @property
    def name(self) -> RuntimeName:
        """Name of the engine."""
        return "openvino"

    def infer(self, windows_NTHWC: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return `logits_NK` float32 for N windows of raw RGB bytes; blocks while it computes."""
        request = self._request_of_thread()
        logits_1K = [_infer_one(request, window_THWC) for window_THWC in windows_NTHWC]
        return np.concatenate(logits_1K)

    def _request_of_thread(self) -> ov.InferRequest:
        """Return this thread's request: a request must not be used by two threads at once."""
        if not hasattr(self._local, "request"):
            self._local.request = self._compiled.create_infer_request()
        request: ov.InferRequest = self._local.request
        return request


@cache
def shared_core() -> ov.Core:
    """Return the one OpenVINO core of this process, which lives as long as the process.

    On processors with AMX every core of OpenVINO 2026.4 gives its thread a stack for signal
    handlers, and frees it at its end. When the first of two cores ends before the second, the
    thread is left with a freed stack, and the next signal with a handler kills the process.

    Nor are AMX's tiles of use to small networks: with three channels of input most of a tile is
    empty. In int8, on one thread of a processor with AMX, oneDNN's older kernels take 2.4 ms
    instead of 4.6 with the stem 3x3x3 (w0.5, 16x224x224) and 0.74 instead of 0.85 for w1.0 with
    1x3x3 at 16x112x112, and give the same logits.
    """
    core = ov.Core()
    before = os.environ.get(ISA_VARIABLE)
    os.environ.setdefault(ISA_VARIABLE, MOST_BELOW_AMX)
    try:  # OpenVINO's oneDNN reads the variable once, when a first network is compiled
        parameter = opset.parameter([1], np.float32)
        core.compile_model(ov.Model([opset.relu(parameter)], [parameter]), "CPU")
    finally:
        if before is None:
            del os.environ[ISA_VARIABLE]  # PyTorch's oneDNN, which trains in bfloat16, may use AMX
    return core


def _infer_one(request: ov.InferRequest, window_THWC: NDArray[np.uint8]) -> NDArray[np.float32]:
    request.infer([window_THWC[None]], share_inputs=True)
    logits_1K: NDArray[np.float32] = request.get_output_tensor().data.copy()
    return logits_1K


def compile_settings(num_threads: int, *, num_streams: int = 1) -> dict[str, object]:
    """Return OpenVINO's settings for a network that so many streams of so many threads run."""
    return {
        "INFERENCE_NUM_THREADS": num_threads * num_streams,
        "NUM_STREAMS": num_streams,
        # Pinned threads of two models, or of two services, would fight for the same core.
        "ENABLE_CPU_PINNING": False,
        # Processors with bfloat16 would otherwise round what the card calls fp32.
        "INFERENCE_PRECISION_HINT": "f32",
    }


def _find_or_compile(
    onnx: bytes, card: ModelCard, settings: Mapping[str, object], folder: CompiledFolder
) -> ov.CompiledModel:
    """Return a network as it was compiled before, or compile it now and keep it.

    Of the two shipped networks that takes 0.1 s instead of 0.5 on an AMD EPYC with AVX2.
    """
    key = _hash_compilation(card, settings)
    kept = folder.read(key)
    if kept is not None:
        with suppress(RuntimeError):  # from an OpenVINO of the same name that is another
            return shared_core().import_model(io.BytesIO(kept), "CPU", settings)
    network = _compile(onnx, card, settings)
    exported: io.BytesIO = network.export_model()
    folder.write(key, exported.getvalue())
    return network


def _hash_compilation(card: ModelCard, settings: Mapping[str, object]) -> str:
    """Return a hash of all that a compiled network depends on, and of what was checked of it."""
    processor = read_processor()
    facts = (
        ov.__version__,
        [processor.get(name) for name in CPU_FACTS],
        os.environ.get(ISA_VARIABLE, MOST_BELOW_AMX),
        sorted(settings.items()),
        (card.precision, card.spec.clip_shape, len(card.labels)),
        card.files[ONNX_FILE],
    )
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _compile(onnx: bytes, card: ModelCard, settings: Mapping[str, object]) -> ov.CompiledModel:
    core = shared_core()
    model = _read_model(core, onnx)
    _check_fits(model, card)
    # A free batch size would cost int8 networks half of their speed.
    model.reshape([1, *card.spec.clip_shape])
    return core.compile_model(model, "CPU", settings)


def _read_model(core: ov.Core, onnx: bytes) -> ov.Model:
    """Read a graph from memory, which takes 3 ms longer than from a file of 3.4 MB, 16 of 13."""
    try:
        return core.read_model(onnx)
    except RuntimeError as exc:
        raise WeightsError(f"{ONNX_FILE} cannot be read: {word_engine_fault(exc)}") from exc


def _check_fits(model: ov.Model, card: ModelCard) -> None:
    """Check input, output and precision of a graph against the card."""
    _check_port("input", model.inputs, ("u8", "?", *card.spec.clip_shape))
    _check_port("output", model.outputs, ("f32", "?", len(card.labels)))
    precision = _find_precision(model)
    if precision != card.precision:
        raise WeightsError(
            f"{ONNX_FILE} holds a network that is {precision}, its card says {card.precision}"
        )


def _check_port(kind: str, ports: list[ov.Output], expected: tuple[str | int, ...]) -> None:
    found = [_describe(port) for port in ports]
    wanted = " x ".join(map(str, expected))
    if found != [wanted]:
        raise WeightsError(f"{ONNX_FILE} has {kind} {', '.join(found)}, its card needs {wanted}")


def _describe(port: ov.Output) -> str:
    """Return element type and shape of a port, such as `u8 x ? x 16 x 112 x 112 x 3`."""
    sizes = ["?" if size.is_dynamic else str(size) for size in port.get_partial_shape()]
    return " x ".join([port.get_element_type().get_type_name(), *sizes])


def _find_precision(model: ov.Model) -> str:
    """Return `int8` if weights and activations are quantized, `fp32` if neither is."""
    nodes = model.get_ordered_ops()
    has_int8_weights = any(
        node.get_type_name() == "Constant" and node.get_element_type() == ov.Type.i8
        for node in nodes
    )
    has_int8_activations = any(node.get_type_name() == "FakeQuantize" for node in nodes)
    if has_int8_weights != has_int8_activations:
        return "half quantized"
    return "int8" if has_int8_weights else "fp32"
