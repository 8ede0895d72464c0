"""The networks alone: one thread, one clip at a time, every engine in turn."""

import contextlib
import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.card import ONNX_FILE, WEIGHTS_FILE, read_card
from models.classifier import load_classifier
from models.registry import ModelRegistry
from models.runtimes import RuntimeName
from models.runtimes.openvino import compile_settings, shared_core
from training.timing import median_ratio, summarize, time_interleaved

NUM_ROUNDS = 15
CALLS_PER_ROUND = 15
NUM_CALIBRATION_CLIPS = 16
RUNTIMES: tuple[RuntimeName, ...] = ("openvino", "torch")


def measure_networks(registry: ModelRegistry) -> dict[str, Any]:
    """Return times and ratios of the default pair of models, and of an NNCF copy.

    Args:
        registry: Holds the alias `default`, an int8 model whose parent is installed.
    """
    int8 = registry.resolve("default").folder
    fp32 = registry.resolve(str(read_card(int8).parent)).folder
    window_NTHWC = _random_windows(fp32, 1)
    calls = _served_calls({"fp32": fp32, "int8": int8}, window_NTHWC)
    calls["nncf int8 on openvino"] = _nncf_call(fp32, window_NTHWC)
    seconds = time_interleaved(calls, num_rounds=NUM_ROUNDS, calls_per_round=CALLS_PER_ROUND)
    ours = seconds["int8 on openvino"]
    return {
        "times": {name: summarize(values) for name, values in seconds.items()},
        "int8_on_openvino_is_faster_by": {
            name: median_ratio(values, ours) for name, values in seconds.items()
        },
        "file_bytes": {
            "fp32": _file_bytes(fp32),
            "int8": _file_bytes(int8),
        },
    }


def _served_calls(
    folders: dict[str, Path], window_NTHWC: NDArray[np.uint8]
) -> dict[str, Callable[[], object]]:
    calls: dict[str, Callable[[], object]] = {}
    for runtime_name in RUNTIMES:
        for precision, folder in folders.items():
            classifier = load_classifier(folder, runtime_name=runtime_name, num_threads=1)
            infer = classifier.runtime.infer
            calls[f"{precision} on {runtime_name}"] = lambda infer=infer: infer(window_NTHWC)  # type: ignore[misc]
    return calls


def _nncf_call(folder: Path, window_NTHWC: NDArray[np.uint8]) -> Callable[[], object]:
    """Return a call of the same float network, quantized after training by NNCF."""
    with contextlib.redirect_stdout(io.StringIO()):
        # After the runtime's module, which keeps OpenVINO from reporting its use.
        import nncf

        nncf.set_log_level(logging.ERROR)
        clips = _random_windows(folder, NUM_CALIBRATION_CLIPS)
        model = shared_core().read_model(folder / ONNX_FILE)
        model.reshape([1, *window_NTHWC.shape[1:]])
        quantized = nncf.quantize(
            model,
            nncf.Dataset([clip_THWC[None] for clip_THWC in clips]),
            subset_size=NUM_CALIBRATION_CLIPS,
        )
    compiled = shared_core().compile_model(quantized, "CPU", compile_settings(1))
    request = compiled.create_infer_request()
    return lambda: request.infer([window_NTHWC], share_inputs=True)


def _random_windows(folder: Path, num_windows: int) -> NDArray[np.uint8]:
    shape = (num_windows, *read_card(folder).spec.clip_shape)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _file_bytes(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_size for name in (WEIGHTS_FILE, ONNX_FILE)}
