"""From videos of strangers to windows.

One sequential pass in order of presentation. Only frames that some window samples are converted and
scaled, straight to model size, and a frame that several windows share is scaled once. Frames that
are neither sampled nor used to predict others are not even decoded, which changes no picture.

What is done about a file's peculiarities:
- The demuxer is chosen by the file's first bytes (`signatures`), never by FFmpeg's guess or a name,
  and formats, codecs and protocols are on allow-lists: a file cannot make FFmpeg open another one.
- Times are the frames' timestamps, counted from the first frame. A frame without one is shown a
  frame period after the one before. Durations that headers state only serve to refuse early.
- Damage that FFmpeg reports (a packet or a frame marked corrupt, a decode error) refuses the video.
  In a frame that nothing needs it is not noticed. A file that merely ends early is a shorter video.
- Rotation metadata is applied in quarter turns; mirroring and sample aspect ratio are not.

Tensor suffixes: N windows or clips, T frames, H height, W width; the last axis of 3 is RGB.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from heapq import heappop, heappush
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import av
from av.container import InputContainer
from av.stream import Disposition

from models.errors import UndecodableMediaError, UnsupportedMediaError
from models.spec import ClipSpec
from models.video.assembly import assemble, video_info, walk
from models.video.codec import Scaler, configure, decoder_options
from models.video.limits import DEFAULT_LIMITS, DecodeLimits
from models.video.sampling import TIME_TOLERANCE_S, SampleGrid, sample_grid
from models.video.selection import Selection, SkippedFrame, SkippedFrameError, look_ahead
from models.video.signatures import CONTAINER_FORMATS, NamelessFile, container_format
from models.video.timeline import Shown, cut, shown_frames
from models.video.windows import VideoWindows

VIDEO_CODECS = "h264,hevc,vp8,vp9,libdav1d,mpeg4,mpeg1video,mpeg2video,mjpeg,gif,rawvideo"
ALLOW_LISTS = {
    "format_whitelist": ",".join(CONTAINER_FORMATS),
    "codec_whitelist": VIDEO_CODECS,
    "protocol_whitelist": "none",
}
DEFAULT_FRAME_RATE_HZ = 25.0  # what FFmpeg assumes where a stream states none
# Where a search by time is exact; MPEG streams have no index and are walked from their start.
INDEXED_FORMATS = ("mov", "matroska", "avi")
SEEK_MARGINS_S = (0.0, 1.0, 10.0, math.inf)
# Where FFmpeg's "non-reference" means that no frame of any kind is predicted from it. HEVC's means
# it only within a temporal layer (ITU-T H.265, 3.153: sub-layer non-reference picture).
SKIPPABLE_CODECS = frozenset({"h264", "mpeg1video", "mpeg2video", "mpeg4"})

# JPEG pictures that are damaged come out all the same, unless any fault is an error.
DECODER_OPTIONS = {"mjpeg": {"err_detect": "explode"}}

AnyFrame = av.VideoFrame | SkippedFrame


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
    read = partial(
        _read,
        source,
        spec,
        grid=sample_grid(spec, stride_s=stride_s),
        start_s=start_s,
        stop_s=math.inf if stop_s is None else stop_s,
        limits=limits,
        num_threads=num_threads,
    )
    try:
        return read(may_skip=True)
    except SkippedFrameError:
        if not isinstance(source, Path):
            source.seek(0)
        return read(may_skip=False)


def _read(
    source: Path | BinaryIO,
    spec: ClipSpec,
    *,
    grid: SampleGrid,
    start_s: float,
    stop_s: float,
    limits: DecodeLimits,
    num_threads: int,
    may_skip: bool,
) -> VideoWindows:
    with _opened(source, limits) as container:
        stream = _video_stream(container)
        limits.check_size(stream.width, stream.height)
        if start_s == 0 and stop_s == math.inf and _demuxer(container) in INDEXED_FORMATS:
            limits.check("max_frames", stream.frames)
            limits.check("max_duration_s", _stated_duration_s(container, stream))
        codec = stream.codec_context.codec.canonical_name
        options = DECODER_OPTIONS.get(codec, {})
        configure(stream.codec_context, limits, num_threads=num_threads, **options)
        can_skip = may_skip and codec in SKIPPABLE_CODECS
        selection = Selection(grid, start_s=start_s, stop_s=stop_s) if can_skip else None
        shown = _shown_from(container, stream, start_s=start_s, selection=selection)
        span = cut(shown, start_s=start_s, stop_s=stop_s)
        walked = walk(span, scale=Scaler(spec).turn_and_scale, grid=grid, limits=limits)
        rate_hz = float(stream.average_rate) if stream.average_rate else None
        info = video_info(walked, container=_demuxer(container), codec=codec, frame_rate_hz=rate_hz)
    return assemble(walked.plan, walked.pictures_HWC, info)


@contextmanager
def _opened(source: Path | BinaryIO, limits: DecodeLimits) -> Iterator[InputContainer]:
    """Open a video with the one demuxer that its first bytes call for."""
    if isinstance(source, Path):
        with source.open("rb") as file, _opened(file, limits) as container:
            yield container
        return
    name = container_format(source)
    options = ALLOW_LISTS | decoder_options(limits)
    try:
        container = av.open(
            NamelessFile(source), "r", format=name, options=options, metadata_errors="replace"
        )
    except av.FFmpegError as exc:
        raise UndecodableMediaError(f"cannot open as {name}: {exc.strerror}") from exc
    with container:
        yield container


def _video_stream(container: InputContainer) -> av.VideoStream:
    stream = container.streams.best("video")
    if not isinstance(stream, av.VideoStream) or stream.disposition & Disposition.attached_pic:
        raise UnsupportedMediaError("the file has no video stream")
    codec = getattr(stream.codec_context, "name", "unknown")  # None without a decoder for it
    if codec not in VIDEO_CODECS.split(","):
        raise UnsupportedMediaError(f"codec is {codec}, accepted are {VIDEO_CODECS}")
    return stream


def _stated_duration_s(container: InputContainer, stream: av.VideoStream) -> float:
    """Return the length that headers state, 0 if none does; sound may be longer than pictures."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base


def _shown_from(
    container: InputContainer,
    stream: av.VideoStream,
    *,
    start_s: float,
    selection: Selection | None,
) -> Iterator[Shown[AnyFrame]]:
    """Yield frames with times from the first frame on, beginning at or before the start."""
    frames = _in_order(container, stream, selection)
    first = next(frames, None)
    if first is None:
        return
    origin_s = first.time or 0.0
    if selection is not None:
        selection.origin_s = origin_s
    frames = chain([first], frames)
    if start_s > 0 and _demuxer(container) in INDEXED_FORMATS and first.pts is not None:
        target_s = origin_s + start_s
        frames = _sought(container, stream, selection, origin_s=origin_s, target_s=target_s)
    rate_hz = float(stream.average_rate or stream.guessed_rate or DEFAULT_FRAME_RATE_HZ)
    yield from shown_frames(frames, frame_period_s=1 / rate_hz, origin_s=origin_s)


def _sought(
    container: InputContainer,
    stream: av.VideoStream,
    selection: Selection | None,
    *,
    origin_s: float,
    target_s: float,
) -> Iterator[AnyFrame]:
    """Yield frames from a keyframe that is shown at the target or before.

    Containers look keyframes up by decoding time, which can be before the target while the time of
    presentation is after it; then the search goes further back.
    """
    for margin_s in SEEK_MARGINS_S:
        seek_s = max(origin_s, target_s - margin_s)
        container.seek(math.floor(seek_s / (stream.time_base or 1)), stream=stream)
        frames = _in_order(container, stream, selection)
        first = next(frames, None)
        if first is not None and (first.time or 0.0) <= target_s + TIME_TOLERANCE_S:
            return chain([first], frames)
    raise UndecodableMediaError(f"cannot seek to {target_s - origin_s:g} s")


def _in_order(
    container: InputContainer, stream: av.VideoStream, selection: Selection | None
) -> Iterator[AnyFrame]:
    """Yield frames in order of presentation, and refuse what FFmpeg says is damaged."""
    skipped: list[int] = []
    time_s = 0.0
    has_begun = False
    try:
        for frame in _decoded(container, stream, selection, skipped):
            if frame.is_corrupt:
                raise UndecodableMediaError(f"the frame after {time_s:.3f} s is damaged")
            skipped_before = _take_before(frame, skipped)
            if has_begun:  # what is shown before the first frame cannot be decoded
                yield from skipped_before
            yield frame
            has_begun, time_s = True, frame.time or time_s
    except av.FFmpegError as exc:
        raise UndecodableMediaError(f"decoding stopped at {time_s:.3f} s: {exc.strerror}") from exc


def _decoded(
    container: InputContainer,
    stream: av.VideoStream,
    selection: Selection | None,
    skipped: list[int],
) -> Iterator[av.VideoFrame]:
    """Yield what the decoder gives, and put the times that it may leave out on the heap."""
    for announced in look_ahead(container.demux(stream)):
        if announced.packet.is_corrupt:
            place = "" if announced.start_s is None else f" at {announced.start_s:.3f} s"
            raise UndecodableMediaError(f"a packet{place} is damaged or cut short")
        is_needed = selection is None or selection.needs(announced)
        stream.codec_context.skip_frame = "DEFAULT" if is_needed else "NONREF"
        if not is_needed and announced.packet.pts is not None:
            heappush(skipped, announced.packet.pts)
        yield from stream.decode(announced.packet)


def _take_before(frame: av.VideoFrame, skipped: list[int]) -> list[SkippedFrame]:
    """Take off the heap what a frame settles: what equals it was decoded after all."""
    before: list[SkippedFrame] = []
    if frame.pts is None or frame.time_base is None:
        return before
    while skipped and skipped[0] <= frame.pts:
        pts = heappop(skipped)
        if pts < frame.pts:
            before.append(SkippedFrame(pts=pts, time_base=frame.time_base))
    return before


def _demuxer(container: InputContainer) -> str:
    return container.format.name.split(",")[0]
