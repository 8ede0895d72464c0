"""Small media files for the tests, encoded on the spot.

Tensor suffixes: T frames, H height, W width, N clips; the last axis of 3 is RGB.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from numpy.typing import NDArray

TIME_BASE = Fraction(1, 90_000)
NUM_BARCODE_COLUMNS = 8
NUM_BARCODE_BITS = 2 * NUM_BARCODE_COLUMNS


def write_video(
    path: Path,
    frames_THWC: NDArray[np.uint8],
    *,
    frame_rate_hz: float = 30,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    times_s: Sequence[float] | None = None,
    rotation_degrees: int = 0,
    gop_size: int = 12,
    with_audio: bool = False,
    title: str = "",
    container_format: str | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Encode frames into a file and return its path.

    Args:
        path: Where to write; the suffix names the container unless `container_format` does.
        frames_THWC: uint8 RGB.
        frame_rate_hz: Constant frame rate; also the nominal rate when `times_s` is given.
        codec: FFmpeg's name of the encoder, such as `libx264`, `mpeg4`, `gif`, `libvpx-vp9`.
        pix_fmt: Pixel format that is stored, such as `yuv420p`, `yuvj420p` (full range), `gray`.
        times_s: When each frame is shown (variable frame rate); overrides the constant rate.
        rotation_degrees: Counter-clockwise turn that the metadata asks the player for.
        gop_size: Distance of keyframes.
        with_audio: Also store a second of silence.
        title: What the container calls the video.
        container_format: FFmpeg's name of the container.
        options: Encoder options.
        container_options: Muxer options.
    """
    rate = Fraction(frame_rate_hz).limit_denominator(1001)
    with av.open(
        path, "w", format=container_format, container_options=container_options or {}
    ) as container:
        container.metadata["title"] = title
        stream = cast(av.VideoStream, container.add_stream(codec, rate=rate, options=options or {}))
        stream.height, stream.width = frames_THWC.shape[1:3]
        stream.pix_fmt = pix_fmt
        stream.codec_context.gop_size = gop_size
        if times_s is not None:
            stream.codec_context.time_base = TIME_BASE
        if rotation_degrees:
            stream.set_display_rotation(rotation_degrees)
        if with_audio:
            _write_silence(container, duration_s=1.0)
        for frame in _timed_frames(frames_THWC, rate=rate, times_s=times_s):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _timed_frames(
    frames_THWC: NDArray[np.uint8], *, rate: Fraction, times_s: Sequence[float] | None
) -> Iterator[av.VideoFrame]:
    for index, frame_HWC in enumerate(frames_THWC):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_HWC), format="rgb24")
        if times_s is None:
            frame.pts, frame.time_base = index, 1 / rate
        else:
            frame.pts, frame.time_base = round(times_s[index] / TIME_BASE), TIME_BASE
        yield frame


def write_audio(path: Path, *, duration_s: float = 1.0) -> Path:
    """Write a file that holds silence and no picture, and return its path."""
    with av.open(path, "w") as container:
        _write_silence(container, duration_s=duration_s)
    return path


def encode_image(frame_HWC: NDArray[np.uint8], *, codec: str = "png") -> bytes:
    """Return one picture as the bytes of a `png` or `mjpeg` (JPEG) file."""
    context = cast(av.VideoCodecContext, av.CodecContext.create(codec, "w"))
    context.height, context.width = frame_HWC.shape[:2]
    context.pix_fmt = "rgb24" if codec == "png" else "yuvj444p"
    context.time_base = Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_HWC), format="rgb24")
    packets = context.encode(frame.reformat(format=context.pix_fmt)) + context.encode()
    return b"".join(bytes(packet) for packet in packets)


def barcode_frames(
    num_frames: int, *, height_px: int = 64, width_px: int = 64
) -> NDArray[np.uint8]:
    """Draw frames that carry their index in black and white blocks, readable after a codec.

    Returns:
        frames_THWC: uint8, shape (num_frames, height_px, width_px, 3).
    """
    row = np.arange(height_px) * 2 // height_px
    column = np.arange(width_px) * NUM_BARCODE_COLUMNS // width_px
    bit_HW = row[:, None] * NUM_BARCODE_COLUMNS + column[None, :]
    is_white_THW = (np.arange(num_frames)[:, None, None] >> bit_HW) & 1
    return np.repeat((is_white_THW * 255).astype(np.uint8)[..., None], 3, axis=-1)


def read_barcodes(frames_THWC: NDArray[np.uint8]) -> list[int]:
    """Return the index that each of `barcode_frames` carries, whatever its size is by now."""
    height_px, width_px = frames_THWC.shape[1:3]
    rows = ((np.arange(2) + 0.5) * height_px / 2).astype(int)
    columns = ((np.arange(NUM_BARCODE_COLUMNS) + 0.5) * width_px / NUM_BARCODE_COLUMNS).astype(int)
    blocks = frames_THWC[:, rows][:, :, columns].mean(axis=-1) > 127
    weights = 1 << np.arange(NUM_BARCODE_BITS)
    return [int(index) for index in blocks.reshape(len(frames_THWC), -1) @ weights]


def _write_silence(container: Any, *, duration_s: float) -> None:
    rate_hz = 16_000
    stream = container.add_stream("aac", rate=rate_hz, layout="mono")
    samples = np.zeros((1, 1024), np.float32)
    for start in range(0, round(duration_s * rate_hz), 1024):
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate_hz, start
        container.mux(stream.encode(frame))
    container.mux(stream.encode())
