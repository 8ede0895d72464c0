"""From bytes of strangers to windows: the only importer of av.

One sequential pass in order of presentation. Only frames that some window samples are converted and
scaled, straight to model size, and a frame that several windows share is scaled once.

What is done about a file's peculiarities:
- The demuxer is chosen by the file's first bytes (`signatures`), never by FFmpeg's guess or a name,
  and formats, codecs and protocols are on allow-lists: a file cannot make FFmpeg open another one.
- Times are the frames' timestamps, counted from the first frame. A frame without one is shown a
  frame period after the one before. Durations that headers state only serve to refuse early.
- Damage that FFmpeg reports (a decode error, a frame marked corrupt) refuses the video, wherever in
  the part that is read it lies. A file that merely ends early is a shorter video.
- Rotation metadata is applied in quarter turns; mirroring and sample aspect ratio are not.

Tensor suffixes: N windows or clips, T frames, H height, W width; the last axis of 3 is RGB.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.codec.context import ThreadType
from av.container import InputContainer
from av.stream import Disposition
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from models.errors import InvalidFramesError, UndecodableMediaError, UnsupportedMediaError
from models.spec import ClipSpec
from models.video.arrays import parse_npy
from models.video.assembly import (
    Picture,
    assemble,
    check_array,
    plan_clips,
    plan_steady,
    quarter_turns,
    steady_info,
    video_info,
    walk,
)
from models.video.limits import DEFAULT_LIMITS, DecodeLimits
from models.video.sampling import TIME_TOLERANCE_S, sample_grid
from models.video.signatures import (
    CONTAINER_FORMATS,
    NamelessFile,
    check_images,
    container_format,
    image_codec,
)
from models.video.timeline import Shown, cut, shown_frames
from models.video.windows import VideoWindows

__all__ = [
    "DecodeLimits",
    "clips_to_windows",
    "decode_images",
    "frames_to_windows",
    "images_to_windows",
    "parse_npy",
    "read_windows",
]

VIDEO_CODECS = "h264,hevc,vp8,vp9,libdav1d,mpeg4,mpeg1video,mpeg2video,mjpeg,gif,rawvideo"
ALLOW_LISTS = {
    "format_whitelist": ",".join(CONTAINER_FORMATS),
    "codec_whitelist": VIDEO_CODECS,
    "protocol_whitelist": "none",
}
# Mean difference to an exact area average, 640x480 scaled to 112x112: these flags 0.3 to 1.1 grey
# levels in 0.2 ms; the same without full chroma 1.7 to 18 (it halves the chroma first); bilinear
# with full chroma 0.9 to 6. Exact rounding makes every machine give the same bytes.
SCALER = (
    Interpolation.AREA
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
# Decoders check sizes padded to whole coding blocks; the margin leaves the exact check to us.
DECODER_PIXELS_MARGIN = 2
DEFAULT_FRAME_RATE_HZ = 25.0  # what FFmpeg assumes where a stream states none
# Where a search by time is exact; MPEG streams have no index and are walked from their start.
INDEXED_FORMATS = ("mov", "matroska", "avi")
SEEK_MARGINS_S = (0.0, 1.0, 10.0, math.inf)


def read_windows(
    source: Path | BinaryIO,
    spec: ClipSpec,
    *,
    stride_s: float | None = None,
    start_s: float = 0.0,
    stop_s: float | None = None,
    limits: DecodeLimits = DEFAULT_LIMITS,
    num_threads: int = 1,
) -> VideoWindows:
    """Decode a video, or a span of it, into windows.

    Args:
        source: A path, or a seekable file at its start; its name is never looked at.
        spec: What a window is.
        stride_s: Distance of window starts; None for windows that do not overlap.
        start_s: Where the span starts. It begins with the frame that is shown then, and is treated
            as if it were a whole video.
        stop_s: Where the span stops; frames from there on do not exist.
        limits: What is accepted of the span.
        num_threads: Slice threads of the decoder. One is best when there is a worker a core.

    Raises:
        UnsupportedMediaError: If container or codec is not accepted, or there is no video stream.
        UndecodableMediaError: If it is broken.
        MediaTooShortError: If it has fewer than `limits.min_frames` frames.
        MediaLimitError: If it is over a limit.
    """
    grid = sample_grid(spec, stride_s=stride_s)
    with _opened(source, limits) as container:
        stream = _video_stream(container)
        limits.check_size(stream.width, stream.height)
        if start_s == 0 and stop_s is None and _demuxer(container) in INDEXED_FORMATS:
            limits.check("max_frames", stream.frames)
            limits.check("max_duration_s", (container.duration or 0) / av.time_base)
        _configure(stream.codec_context, limits, num_threads=num_threads)
        shown = _shown_from(container, stream, start_s=start_s)
        span = cut(shown, start_s=start_s, stop_s=stop_s)
        walked = walk(span, scale=_Scaler(spec).turn_and_scale, grid=grid, limits=limits)
        rate_hz = float(stream.average_rate) if stream.average_rate else None
        codec = stream.codec_context.codec.canonical_name
        info = video_info(walked, container=_demuxer(container), codec=codec, frame_rate_hz=rate_hz)
    return assemble(walked.plan, walked.pictures_HWC, info)


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
    scale = _Scaler(spec).scale
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
        images: As for `decode_images`; image k is shown from k / frame_rate_hz on.
        spec: What a window is.
        frame_rate_hz: Images per second, > 0.
        stride_s: As for `read_windows`.
        limits: What is accepted.

    Raises:
        MediaError: As `decode_images`, and `MediaTooShortError` if there are too few.
    """
    shape = check_images(images, limits=limits)
    grid = sample_grid(spec, stride_s=stride_s)
    plan = plan_steady(len(images), frame_rate_hz=frame_rate_hz, grid=grid, limits=limits)
    scale = _Scaler(spec).scale
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
    scale = _Scaler(spec).scale
    pictures = {k: scale(_as_frame(frame_HWC)) for k, frame_HWC in enumerate(frames_THWC)}
    rate_hz = num_frames / spec.window_s
    info = steady_info(frames_THWC.shape, rate_hz, container="clips", codec="rawvideo")
    return assemble(plan_clips(num_clips, spec), pictures, info)


def decode_images(
    images: Sequence[bytes], *, limits: DecodeLimits = DEFAULT_LIMITS
) -> NDArray[np.uint8]:
    """Decode JPEG or PNG images, told apart by their first bytes, at full size.

    Args:
        images: Files in order, all of one size. EXIF is ignored.
        limits: What is accepted.

    Returns:
        frames_THWC: uint8 RGB.

    Raises:
        UnsupportedMediaError: If one is neither JPEG nor PNG.
        UndecodableMediaError: If one is broken.
        InvalidFramesError: If there are none, or they differ in size.
        MediaLimitError: If they are over a limit.
    """
    shape = check_images(images, limits=limits)
    limits.check_batch(shape)
    frames_THWC = np.empty(shape, np.uint8)
    reformatter = VideoReformatter()
    for index, image in enumerate(images):
        frame = _decode_image(image, shape, limits)
        frames_THWC[index] = _convert(reformatter, frame, frame.width, frame.height)
    return frames_THWC


class _Scaler:
    """Turns frames of any size into pictures of model size, uint8 RGB."""

    def __init__(self, spec: ClipSpec) -> None:
        self._spec = spec
        self._reformatter = VideoReformatter()

    def turn_and_scale(self, frame: av.VideoFrame) -> Picture:
        """Return the picture of a frame as its rotation metadata wants it shown."""
        return np.rot90(self.scale(frame), quarter_turns(frame))

    def scale(self, frame: av.VideoFrame) -> Picture:
        """Return the picture of a frame as it is stored, shape (H, W, 3)."""
        size_px = self._spec.size_px
        if self._spec.resize == "stretch":
            return _convert(self._reformatter, frame, size_px, size_px)
        factor = size_px / min(frame.width, frame.height)
        width_px, height_px = round(frame.width * factor), round(frame.height * factor)
        left, top = (width_px - size_px) // 2, (height_px - size_px) // 2
        picture = _convert(self._reformatter, frame, width_px, height_px)
        return picture[top : top + size_px, left : left + size_px]


def _convert(
    reformatter: VideoReformatter, frame: av.VideoFrame, width_px: int, height_px: int
) -> Picture:
    try:
        scaled = reformatter.reformat(
            frame, width_px, height_px, "rgb24", interpolation=SCALER, threads=1
        )
    except (av.FFmpegError, ValueError) as exc:
        raise UndecodableMediaError(f"cannot convert {frame.format.name} to RGB: {exc}") from exc
    return np.asarray(scaled.to_ndarray(), np.uint8)


def _as_frame(frame_HWC: NDArray[np.uint8]) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_HWC), format="rgb24")


@contextmanager
def _opened(source: Path | BinaryIO, limits: DecodeLimits) -> Iterator[InputContainer]:
    """Open a video with the one demuxer that its first bytes call for."""
    if isinstance(source, Path):
        with source.open("rb") as file, _opened(file, limits) as container:
            yield container
        return
    name = container_format(source)
    options = ALLOW_LISTS | _decoder_options(limits)
    try:
        container = av.open(
            NamelessFile(source), "r", format=name, options=options, metadata_errors="replace"
        )
    except av.FFmpegError as exc:
        raise UndecodableMediaError(f"cannot open as {name}: {exc.strerror}") from exc
    with container:
        yield container


def _decoder_options(limits: DecodeLimits) -> dict[str, str]:
    return {"max_pixels": str(limits.max_pixels * DECODER_PIXELS_MARGIN)}


def _configure(
    context: av.VideoCodecContext, limits: DecodeLimits, *, num_threads: int = 1, **options: str
) -> None:
    context.options = _decoder_options(limits) | options
    context.thread_count = num_threads
    context.thread_type = ThreadType.SLICE


def _video_stream(container: InputContainer) -> av.VideoStream:
    stream = container.streams.best("video")
    if not isinstance(stream, av.VideoStream) or stream.disposition & Disposition.attached_pic:
        raise UnsupportedMediaError("the file has no video stream")
    codec = getattr(stream.codec_context, "name", "unknown")  # None without a decoder for it
    if codec not in VIDEO_CODECS.split(","):
        raise UnsupportedMediaError(f"codec is {codec}, accepted are {VIDEO_CODECS}")
    return stream


def _shown_from(
    container: InputContainer, stream: av.VideoStream, *, start_s: float
) -> Iterator[Shown[av.VideoFrame]]:
    """Yield frames with times from the first frame on, beginning at or before the start."""
    frames = _decoded(container, stream)
    first = next(frames, None)
    if first is None:
        return
    origin_s = first.time or 0.0
    frames = chain([first], frames)
    if start_s > 0 and _demuxer(container) in INDEXED_FORMATS and first.pts is not None:
        frames = _sought(container, stream, origin_s=origin_s, target_s=origin_s + start_s)
    rate_hz = float(stream.average_rate or stream.guessed_rate or DEFAULT_FRAME_RATE_HZ)
    yield from shown_frames(frames, frame_period_s=1 / rate_hz, origin_s=origin_s)


def _sought(
    container: InputContainer, stream: av.VideoStream, *, origin_s: float, target_s: float
) -> Iterator[av.VideoFrame]:
    """Yield frames from a keyframe that is shown at the target or before.

    Containers look keyframes up by decoding time, which can be before the target while the time of
    presentation is after it; then the search goes further back.
    """
    for margin_s in SEEK_MARGINS_S:
        seek_s = max(origin_s, target_s - margin_s)
        container.seek(math.floor(seek_s / (stream.time_base or 1)), stream=stream)
        frames = _decoded(container, stream)
        first = next(frames, None)
        if first is not None and (first.time or 0.0) <= target_s + TIME_TOLERANCE_S:
            return chain([first], frames)
    raise UndecodableMediaError(f"cannot seek to {target_s - origin_s:g} s")


def _decoded(container: InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
    """Yield frames in order of presentation, and refuse what FFmpeg says is damaged."""
    time_s = 0.0
    try:
        for frame in container.decode(stream):
            if frame.is_corrupt:
                raise UndecodableMediaError(f"the frame after {time_s:.3f} s is damaged")
            yield frame
            time_s = frame.time or time_s
    except av.FFmpegError as exc:
        raise UndecodableMediaError(f"decoding stopped at {time_s:.3f} s: {exc.strerror}") from exc


def _demuxer(container: InputContainer) -> str:
    return container.format.name.split(",")[0]


def _decode_image(
    image: bytes, shape: tuple[int, int, int, int], limits: DecodeLimits
) -> av.VideoFrame:
    """Return the picture of an image file; unlike for video, any fault refuses it."""
    context = av.VideoCodecContext.create(image_codec(image), "r")
    _configure(context, limits, err_detect="crccheck+explode")
    try:
        frames = [*context.decode(av.Packet(image)), *context.decode(None)]
    except av.FFmpegError as exc:
        raise UndecodableMediaError(f"image cannot be decoded: {exc.strerror}") from exc
    if not frames or (frames[0].height, frames[0].width) != shape[1:3]:
        raise UndecodableMediaError("image has no picture of the size that its header states")
    return frames[0]
