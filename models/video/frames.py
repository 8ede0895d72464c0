"""From images and arrays of strangers to windows, by the rules that hold for a video.

Tensor suffixes: N windows or clips, T frames, H height, W width; the last axis of 3 is RGB.
"""

from collections.abc import Sequence

import av
import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidFramesError, UndecodableMediaError
from models.spec import ClipSpec
from models.video.assembly import assemble, check_array, plan_clips, plan_steady, steady_info
from models.video.codec import Scaler, configure
from models.video.limits import DEFAULT_LIMITS, DecodeLimits
from models.video.sampling import sample_grid
from models.video.signatures import check_images, image_codec
from models.video.windows import VideoWindows


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
    scale = Scaler(spec).scale
    pictures = {k: scale(_as_frame(frames_THWC[k])) for k in plan.used()}
    info = steady_info(frames_THWC.shape, frame_rate_hz, container="frames", codec="rawvideo")
    return assemble(plan, pictures, info)


def images_to_windows(
    images: Sequence[bytes],
    spec: ClipSpec,
    *,
    frame_rate_hz: float,
    stride_s: float | None = None,
    limits: DecodeLimits = DEFAULT_LIMITS,
) -> VideoWindows:
    """Decode, sample and scale JPEG or PNG images as the frames of a video.

    The header of every image is checked; only those that a window samples are decoded.

    Args:
        images: Files in order, told apart by their first bytes, all of one size; image k is shown
            from k / frame_rate_hz on. EXIF is ignored.
        spec: What a window is.
        frame_rate_hz: Images per second, > 0.
        stride_s: As for `read_windows`.
        limits: What is accepted.

    Raises:
        UnsupportedMediaError: If one is neither JPEG nor PNG.
        UndecodableMediaError: If one that is sampled is broken, or the header of any.
        InvalidFramesError: If there are none, or they differ in size.
        MediaTooShortError: If there are too few.
        MediaLimitError: If they are over a limit.
    """
    shape = check_images(images, limits=limits)
    grid = sample_grid(spec, stride_s=stride_s)
    plan = plan_steady(len(images), frame_rate_hz=frame_rate_hz, grid=grid, limits=limits)
    scale = Scaler(spec).scale
    pictures = {k: scale(_decode_image(images[k], shape, limits)) for k in plan.used()}
    info = steady_info(shape, frame_rate_hz, container="images", codec=image_codec(images[0]))
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
    scale = Scaler(spec).scale
    pictures = {k: scale(_as_frame(frame_HWC)) for k, frame_HWC in enumerate(frames_THWC)}
    rate_hz = num_frames / spec.window_s
    info = steady_info(frames_THWC.shape, rate_hz, container="clips", codec="rawvideo")
    return assemble(plan_clips(num_clips, spec), pictures, info)


def _as_frame(frame_HWC: NDArray[np.uint8]) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_HWC), format="rgb24")


def _decode_image(
    image: bytes, shape: tuple[int, int, int, int], limits: DecodeLimits
) -> av.VideoFrame:
    """Return the picture of an image file; unlike for video, any fault refuses it."""
    context = av.VideoCodecContext.create(image_codec(image), "r")
    configure(context, limits, err_detect="crccheck+explode")
    try:
        frames = [*context.decode(av.Packet(image)), *context.decode(None)]
    except av.FFmpegError as exc:
        raise UndecodableMediaError(f"image cannot be decoded: {exc.strerror}") from exc
    if not frames or (frames[0].height, frames[0].width) != shape[1:3]:
        raise UndecodableMediaError("image has no picture of the size that its header states")
    return frames[0]
