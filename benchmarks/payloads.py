"""What clients post: a synthetic driver, drinking, as a video, an array and images."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.media import FRAME_RATE_HZ, film_drinking
from models.spec import ClipSpec
from models.video.arrays import frames_to_windows

# How the clip is coded: at x264's own quality, and at rates that keep the sensor's noise.
CLIPS: dict[str, dict[str, str]] = {
    "x264_default": {},
    "1500_kbit_per_s": {"b": "1500000"},
    "3000_kbit_per_s": {"b": "3000000"},
}
MAIN_CLIP = "x264_default"
SENSOR_CLIP = "1500_kbit_per_s"
TOP_PX, BOTTOM_PX = 80, 560  # of a square film, what makes it 640x480
JPEG_QUALITY = 85


@dataclass(frozen=True, kw_only=True)
class Payloads:
    """One window of the same driver in every form that is posted.

    Attributes:
        clips: H.264 files of 3 s, 640x480, by the way that they are coded.
        mp4: Bytes of the main one.
        npy: An `.npy` file, uint8 (T, H, W, 3), as large as the network's input.
        images: JPEG files, T of them, 640x480.
    """

    clips: dict[str, Path]
    mp4: bytes
    npy: bytes
    images: tuple[bytes, ...]


def make_payloads(folder: Path) -> Payloads:
    """Film the driver, write the clips into a folder, and return everything that is posted."""
    spec = ClipSpec()
    frames_THWC = film_drinking()[:, TOP_PX:BOTTOM_PX]
    clips = {name: folder / f"{name}.mp4" for name in CLIPS}
    for name, path in clips.items():
        encode_clip(path, frames_THWC, options=CLIPS[name])
    window_NTHWC = frames_to_windows(frames_THWC, spec, frame_rate_hz=FRAME_RATE_HZ).windows_NTHWC
    sampled = np.linspace(0, len(frames_THWC) - 1, spec.num_frames).astype(int)
    return Payloads(
        clips=clips,
        mp4=clips[MAIN_CLIP].read_bytes(),
        npy=encode_npy(window_NTHWC[0]),
        images=tuple(encode_jpeg(frames_THWC[index]) for index in sampled),
    )


def encode_clip(path: Path, frames_THWC: NDArray[np.uint8], *, options: dict[str, str]) -> None:
    """Write frames as H.264 by x264."""
    with av.open(path, "w") as container:
        # One thread, or PyAV would have x264 cut every picture into slices.
        options = {"threads": "1", **options}
        stream = container.add_stream("libx264", rate=FRAME_RATE_HZ, options=options)
        stream.height, stream.width = frames_THWC.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame_HWC in frames_THWC:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_HWC), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def encode_npy(frames_THWC: NDArray[np.uint8]) -> bytes:
    """Return frames as the bytes of an `.npy` file."""
    file = BytesIO()
    np.save(file, frames_THWC)
    return file.getvalue()


def encode_jpeg(frame_HWC: NDArray[np.uint8]) -> bytes:
    """Return one picture as the bytes of a JPEG file."""
    file = BytesIO()
    Image.fromarray(frame_HWC).save(file, "jpeg", quality=JPEG_QUALITY)
    return file.getvalue()
