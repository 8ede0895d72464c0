"""From arrays of strangers to windows, by the rules that hold for a video.

Of `.npy` data the header is read first, nothing is unpickled, and nothing copied. Only arrays whose
pictures have to be scaled need FFmpeg.

Tensor suffixes: N windows or clips, T frames, H height, W width; the last axis of 3 is RGB.
"""

import math
import mmap
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from models.errors import InvalidFramesError
from models.spec import ClipSpec
from models.video.assembly import (
    Picture,
    assemble,
    check_array,
    plan_clips,
    plan_steady,
    steady_info,
)
from models.video.limits import DEFAULT_LIMITS, DecodeLimits
from models.video.sampling import sample_grid
from models.video.windows import VideoWindows

MAX_HEADER_BYTES = 1_000
HEADER_PREFIX_BYTES = 12  # magic string, version, and the header's length in version 2
HEADER_READERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}


def parse_npy(source: Path | bytes, *, limits: DecodeLimits = DEFAULT_LIMITS) -> NDArray[np.uint8]:
    """Return the frames or clips of an `.npy` file, read-only.

    The header is checked before the data is touched; a file is mapped, not read.

    Args:
        source: The file, which must not shrink while the array is in use, or its bytes.
        limits: What is accepted.

    Returns:
        frames_THWC or clips_NTHWC, uint8.

    Raises:
        InvalidFramesError: If it is no `.npy` file, or not uint8 (T,H,W,3) or (N,T,H,W,3) in C
            order, or its data is shorter or longer than its header says.
        MediaLimitError: If it is over a limit.
        MediaTooShortError: If it has too few frames.
    """
    data = source if isinstance(source, bytes) else _map(source)
    header = BytesIO(data[: MAX_HEADER_BYTES + HEADER_PREFIX_BYTES])
    shape = _read_shape(header, limits)
    payload = memoryview(data)[header.tell() :]
    if len(payload) != math.prod(shape):
        raise InvalidFramesError(f"npy data is not the {math.prod(shape)} bytes of {shape}")
    return np.frombuffer(payload, np.uint8).reshape(shape)


def array_to_windows(
    array: NDArray[np.uint8],
    spec: ClipSpec,
    *,
    frame_rate_hz: float | None,
    stride_s: float | None,
    limits: DecodeLimits = DEFAULT_LIMITS,
) -> VideoWindows:
    """Sample and scale frames or clips.

    Args:
        array: frames_THWC or clips_NTHWC, uint8 RGB.
        spec: What a window is.
        frame_rate_hz: Frames per second, > 0; None for frames that fill one window. Clips have
            the rate that the spec says.
        stride_s: As for `read_windows`; of no account for clips.
        limits: What is accepted.

    Raises:
        MediaError: As `frames_to_windows`, or `clips_to_windows`.
    """
    if array.ndim == 5:
        return clips_to_windows(array, spec, limits=limits)
    rate_hz = frame_rate_hz or len(array) / spec.window_s
    return frames_to_windows(array, spec, frame_rate_hz=rate_hz, stride_s=stride_s, limits=limits)


def frames_to_windows(
    frames_THWC: NDArray[np.uint8],
    spec: ClipSpec,
    *,
    frame_rate_hz: float,
    stride_s: float | None = None,
    limits: DecodeLimits = DEFAULT_LIMITS,
) -> VideoWindows:
    """Sample and scale frames that are decoded already, by the same rules as a video.

    Args:
        frames_THWC: uint8 RGB, T any number; frame k is shown from k / frame_rate_hz on.
        spec: What a window is.
        frame_rate_hz: Frames per second, > 0.
        stride_s: As for `read_windows`.
        limits: What is accepted.

    Raises:
        InvalidFramesError: If dtype or shape is wrong.
        MediaTooShortError: If there are too few frames.
        MediaLimitError: If the frames are over a limit.
    """
    check_array(frames_THWC, num_axes=4)
    limits.check_batch(frames_THWC.shape)
    grid = sample_grid(spec, stride_s=stride_s)
    plan = plan_steady(len(frames_THWC), frame_rate_hz=frame_rate_hz, grid=grid, limits=limits)
    scale = _scaler(frames_THWC, spec)
    pictures = {k: scale(frames_THWC[k]) for k in plan.used()}
    info = steady_info(frames_THWC.shape, frame_rate_hz, container="frames", codec="rawvideo")
    return assemble(plan, pictures, info)


def clips_to_windows(
    clips_NTHWC: NDArray[np.uint8], spec: ClipSpec, *, limits: DecodeLimits = DEFAULT_LIMITS
) -> VideoWindows:
    """Scale clips that are sampled already; each becomes one window.

    Args:
        clips_NTHWC: uint8 RGB, T as the spec says.
        spec: What a window is.
        limits: What is accepted.

    Raises:
        MediaError: As `frames_to_windows`; also if T is not the spec's.
    """
    check_array(clips_NTHWC, num_axes=5)
    num_clips, num_frames = clips_NTHWC.shape[:2]
    if num_frames != spec.num_frames:
        raise InvalidFramesError(f"clips have {num_frames} frames, need {spec.num_frames}")
    frames_THWC = clips_NTHWC.reshape(num_clips * num_frames, *clips_NTHWC.shape[2:])
    limits.check("max_windows", num_clips)
    limits.check_batch(frames_THWC.shape)
    rate_hz = num_frames / spec.window_s
    info = steady_info(frames_THWC.shape, rate_hz, container="clips", codec="rawvideo")
    plan = plan_clips(num_clips, spec)
    if has_model_size(clips_NTHWC, spec):
        return VideoWindows(windows_NTHWC=clips_NTHWC, spans=plan.spans, info=info)
    scale = _scaler(clips_NTHWC, spec)
    pictures = {k: scale(frame_HWC) for k, frame_HWC in enumerate(frames_THWC)}
    return assemble(plan, pictures, info)


def has_model_size(array: NDArray[np.uint8], spec: ClipSpec) -> bool:
    """Say whether the pictures (..., H, W, 3) of an array need no scaling."""
    return array.shape[-3:-1] == (spec.size_px, spec.size_px)


def _scaler(array: NDArray[np.uint8], spec: ClipSpec) -> Callable[[NDArray[np.uint8]], Picture]:
    """Return what makes a picture of an array a picture of model size."""
    if has_model_size(array, spec):
        return lambda picture_HWC: picture_HWC
    from models.video.codec import Scaler

    return Scaler(spec).scale_array


def _map(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _read_shape(file: BinaryIO, limits: DecodeLimits) -> tuple[int, ...]:
    try:
        version = npy_format.read_magic(file)
        read_header = HEADER_READERS[version]
        shape, is_fortran_order, dtype = read_header(file, max_header_size=MAX_HEADER_BYTES)
    except (ValueError, KeyError, TypeError, SyntaxError, TokenError) as exc:
        raise InvalidFramesError(
            f"not an npy file of version 1 or 2 with a header of at most {MAX_HEADER_BYTES} bytes"
        ) from exc
    if dtype != np.uint8:
        raise InvalidFramesError(f"npy dtype is {dtype}, needs uint8")
    if is_fortran_order:
        raise InvalidFramesError("npy array is in Fortran order, needs C order")
    _check_shape(shape, limits)
    return shape


def _check_shape(shape: tuple[int, ...], limits: DecodeLimits) -> None:
    if len(shape) not in (4, 5) or shape[-1] != 3 or not all(_is_size(n) for n in shape):
        raise InvalidFramesError(f"npy shape is {shape}, needs (T,H,W,3) or (N,T,H,W,3)")
    num_clips = shape[0] if len(shape) == 5 else 1
    num_frames, height_px, width_px = shape[-4:-1]
    limits.check("max_windows", num_clips)
    limits.check_batch((num_clips * num_frames, height_px, width_px))
    limits.check_min_frames(num_frames)


def _is_size(value: object) -> bool:
    """Tell a positive integer; headers may hold anything that Python writes, such as True."""
    return type(value) is int and value > 0
