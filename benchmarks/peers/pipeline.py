"""What every peer computes: the same windows and the same network as the service, written plainly.

Videos are decoded as PyAV's documentation shows
(https://pyav.basswood-io.com/docs/stable/cookbook/basics.html): every frame of the stream, in one
thread, no packet left out. The frames that the sampling plan names are scaled by the service's own
scaler, so that the windows are bit-equal to the service's.

Tensor suffixes: N windows, T frames, H height, W width, K classes; the last axis of 3 is RGB.
"""

import argparse
import os
from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from numpy.typing import NDArray

from models.card import ONNX_FILE, read_card
from models.classifier import softmax
from models.registry import ModelRegistry
from models.runtimes.openvino import OpenVinoRuntime
from models.video.assembly import plan_steady
from models.video.codec import Scaler
from models.video.limits import DEFAULT_LIMITS
from models.video.sampling import WindowPlan, sample_grid

HOST = "127.0.0.1"
NUM_WORKERS = len(os.sched_getaffinity(0))
MODEL = "mobilenet3d-lite-int8"
WEIGHTS = Path(__file__).resolve().parents[2] / "models" / "weights"


class Pipeline:
    """One copy of the network, run by one thread, and the preprocessing before it."""

    def __init__(self) -> None:
        folder = _model_folder()
        self._card = read_card(folder)
        self._runtime = OpenVinoRuntime(
            (folder / ONNX_FILE).read_bytes(), self._card, num_threads=1
        )
        self._spec = self._card.spec
        self._scaler = Scaler(self._spec)

    def predict_video(self, source: str | BinaryIO) -> list[float]:
        """Return the K probabilities of a video of constant frame rate, a path or an open file."""
        with av.open(source, "r") as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            plan = self._plan(stream.frames, float(stream.average_rate or 0))
            return self._predict(self._windows(plan, container.decode(stream)))

    def predict_array(self, file: BinaryIO) -> list[float]:
        """Return the K probabilities of an `.npy` file that holds one window, (T, H, W, 3)."""
        window_THWC = np.load(file, allow_pickle=False)
        return self._predict(window_THWC[None])

    def predict_images(self, images: Sequence[bytes]) -> list[float]:
        """Return the K probabilities of JPEG files that fill one window."""
        plan = self._plan(len(images), len(images) / self._spec.window_s)
        return self._predict(self._windows(plan, map(_decode_jpeg, images)))

    def _plan(self, num_frames: int, frame_rate_hz: float) -> WindowPlan:
        return plan_steady(
            num_frames,
            frame_rate_hz=frame_rate_hz,
            grid=sample_grid(self._spec),
            limits=DEFAULT_LIMITS,
        )

    def _windows(self, plan: WindowPlan, frames: Iterable[av.VideoFrame]) -> NDArray[np.uint8]:
        wanted = set(plan.used())
        pictures = {
            index: self._scaler.turn_and_scale(frame)
            for index, frame in enumerate(frames)
            if index in wanted
        }
        return np.stack([[pictures[index] for index in row] for row in plan.indices_NT.tolist()])

    def _predict(self, windows_NTHWC: NDArray[np.uint8]) -> list[float]:
        logits_NK = self._runtime.infer(windows_NTHWC)
        probs_K = softmax(logits_NK, temperature=self._card.temperature).mean(axis=0)
        probabilities: list[float] = probs_K.tolist()
        return probabilities

    def predict_body(self, kind: str, body: bytes) -> list[float]:
        """Return the K probabilities of a bare body, of kind `mp4` or `npy`."""
        predict = self.predict_video if kind == "mp4" else self.predict_array
        return predict(BytesIO(body))


def parse_port() -> int:
    """Return the port that the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_known_args()[0].port
    return port


def _decode_jpeg(image: bytes) -> av.VideoFrame:
    context = av.VideoCodecContext.create("mjpeg", "r")
    context.thread_count = 1
    return [*context.decode(av.Packet(image)), *context.decode(None)][0]


def _model_folder() -> Path:
    registry = ModelRegistry(
        WEIGHTS, requested=(), aliases={}, runtime_name="openvino", num_threads=1
    )
    return registry.resolve(MODEL).folder
