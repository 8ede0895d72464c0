"""From videos of strangers to windows.

One sequential pass in order of presentation. Only frames that some window samples are converted and
scaled, straight to model size, and a frame that several windows share is scaled once. Frames that
are neither sampled nor used to predict others are not even decoded, and neither is what follows the
last sampled one, which changes no picture.

Fast decoding changes pictures a little: the loop filter, which smooths the borders of blocks, is
left out, and a frame from which no other is predicted is shown as the one before it.

What is done about a file's peculiarities:
- Times are the frames' timestamps, counted from the first frame. A frame without one is shown a
  frame period after the one before. Durations that headers state only serve to refuse early, and to
  stop decoding early; if frames are wanted after that, the video is decoded once more, in full.
- Damage that FFmpeg reports (a packet or a frame marked corrupt, a decode error) refuses the video.
  In a frame that nothing needs it is not noticed. A file that merely ends early is a shorter video.
- A file that is not seekable, as one that still arrives, is read in one go, and refused where that
  might not give what it gives when it is complete.
- Rotation metadata is applied in quarter turns; mirroring and sample aspect ratio are not.

Tensor suffixes: N windows or clips, T frames, H height, W width; the last axis of 3 is RGB.
"""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from heapq import heappop, heappush
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from av.container import InputContainer

from models.errors import UndecodableMediaError
from models.spec import ClipSpec
from models.video.assembly import Picture, video_info, walk, with_stand_ins
from models.video.codec import Scaler, configure
from models.video.container import (
    check_read_in_one_go,
    demuxer_name,
    is_seekable,
    opened,
    pass_over_others,
    stated_duration_s,
    video_stream,
)
from models.video.job import DecodeJob
from models.video.pictures import check_pixel_format, stored_bytes
from models.video.sampling import TIME_TOLERANCE_S
from models.video.selection import (
    Need,
    Selection,
    SkippedFrame,
    SkippedFrameError,
    look_ahead,
    skipped_frame,
)
from models.video.timeline import Shown, cut, shown_frames
from models.video.windows import DecodeMode, VideoInfo, VideoWindows, WindowSpan

DEFAULT_FRAME_RATE_HZ = 25.0  # what FFmpeg assumes where a stream states none
# Where a search by time is exact; MPEG streams have no index and are walked from their start.
INDEXED_FORMATS = ("mov", "matroska", "avi")
SEEK_MARGINS_S = (0.0, 1.0, 10.0, math.inf)
# Where FFmpeg's "non-reference" means that no frame of any kind is predicted from it. HEVC's means
# it only within a temporal layer (ITU-T H.265, 3.153: sub-layer non-reference picture).
SKIPPABLE_CODECS = frozenset({"h264", "mpeg1video", "mpeg2video", "mpeg4"})
# Where every packet shows one frame; VP8 has packets that show none (RFC 6386, section 9.1).
ONE_FRAME_CODECS = SKIPPABLE_CODECS | {"hevc", "vp9", "libdav1d", "mjpeg"}
# How much longer than its header says a video may be without being decoded twice.
STATED_MARGIN_S = 0.1

# JPEG pictures that are damaged come out all the same, unless any fault is an error.
DECODER_OPTIONS = {"mjpeg": {"err_detect": "explode"}}
MODE_OPTIONS: dict[DecodeMode, dict[str, str]] = {"exact": {}, "fast": {"skip_loop_filter": "all"}}

AnyFrame = av.VideoFrame | SkippedFrame


def read_windows(source: Path | BinaryIO, spec: ClipSpec, **options: Any) -> VideoWindows:
    """Decode a video, or a span of it, into windows.

    Args:
        source: A path, or a file at its start; its name is never looked at.
        spec: What a window is.
        options: The other attributes of a `DecodeJob`.

    Raises:
        UnsupportedMediaError: If container, codec or pixel format is not accepted, or there is no
            video stream.
        UndecodableMediaError: If it is broken.
        MediaTooShortError: If it has fewer than `limits.min_frames` frames.
        MediaLimitError: If it is over a limit.
    """
    buffer = BytesIO()
    spans, info = write_windows(buffer, source, DecodeJob(spec=spec, **options))
    windows_NTHWC = np.frombuffer(buffer.getbuffer(), np.uint8).reshape(-1, *spec.clip_shape)
    return VideoWindows(windows_NTHWC=windows_NTHWC, spans=spans, info=info)


def write_windows(
    target: BinaryIO, source: Path | BinaryIO, job: DecodeJob
) -> tuple[tuple[WindowSpan, ...], VideoInfo]:
    """Decode a video window by window, in memory that does not grow with its length.

    Args:
        target: Where the bytes of windows_NTHWC go; empty, and seekable.
        source: As for `read_windows`.
        job: What is read.

    Returns:
        Where each window lies, and what was decoded.

    Raises:
        MediaError: As `read_windows`.
    """
    try:
        return _write(target, source, job, may_skip=True)
    except SkippedFrameError as exc:
        if not is_seekable(source):
            raise UndecodableMediaError("cannot be read in one go: its times are wrong") from exc
        target.seek(0)
        target.truncate()
        if not isinstance(source, Path):
            source.seek(0)
        return _write(target, source, job, may_skip=False)


def _write(
    target: BinaryIO, source: Path | BinaryIO, job: DecodeJob, *, may_skip: bool
) -> tuple[tuple[WindowSpan, ...], VideoInfo]:
    with opened(source, job.limits) as container:
        stream = video_stream(container)
        pass_over_others(container, stream)
        _check_stated(container, stream, job)
        codec = stream.codec_context.codec.canonical_name
        options = DECODER_OPTIONS.get(codec, {}) | MODE_OPTIONS[job.mode]
        configure(stream.codec_context, job.limits, num_threads=job.num_threads, **options)
        walked = walk(
            _video(container, stream, job, may_skip=may_skip),
            scale=Scaler(job.spec).turn_and_scale,
            grid=job.grid,
            limits=job.limits,
            write=lambda pictures: _write_window(target, pictures),
        )
        if not is_seekable(source):
            check_read_in_one_go(container, stream, num_frames=walked.num_frames)
        rate_hz = float(stream.average_rate) if stream.average_rate else None
        info = video_info(
            walked,
            container=demuxer_name(container),
            codec=codec,
            frame_rate_hz=rate_hz,
            decode=job.mode,
        )
    return walked.spans, info


def _write_window(target: BinaryIO, pictures: Sequence[Picture]) -> None:
    for picture_HWC in pictures:  # one by one: a copy of a whole window costs a millisecond
        target.write(np.ascontiguousarray(picture_HWC).data)


def _check_stated(container: InputContainer, stream: av.VideoStream, job: DecodeJob) -> None:
    """Check what headers say against the limits, before anything is decoded."""
    job.limits.check_size(stream.width, stream.height)
    if stream.format is not None:
        check_pixel_format(stream.format)
    if job.is_whole and demuxer_name(container) in INDEXED_FORMATS:
        job.limits.check("max_frames", stream.frames)
        job.limits.check("max_duration_s", stated_duration_s(container, stream))
        job.limits.check("max_decoded_bytes", stream.frames * _picture_bytes(stream))


def _picture_bytes(stream: av.VideoStream) -> int:
    """Return what a picture takes by the header, or the least if it states no pixel format."""
    if stream.format is None:
        return stream.width * stream.height
    return stored_bytes(stream.width, stream.height, stream.format)


def _selection(container: InputContainer, stream: av.VideoStream, job: DecodeJob) -> Selection:
    codec = stream.codec_context.codec.canonical_name
    stated_s = stated_duration_s(container, stream) + STATED_MARGIN_S
    is_known = codec in ONE_FRAME_CODECS and stated_s > STATED_MARGIN_S
    span_s = min(job.stop_s, stated_s if is_known else math.inf) - job.start_s
    return Selection(
        job.grid,
        start_s=job.start_s,
        stop_s=job.stop_s,
        last_instant_s=job.grid.last_instant_s(span_s),
        can_skip=codec in SKIPPABLE_CODECS,
        has_stand_ins=job.mode == "fast",
    )


def _video(
    container: InputContainer, stream: av.VideoStream, job: DecodeJob, *, may_skip: bool
) -> Iterator[Shown[AnyFrame]]:
    """Yield the frames of the span with their times in it."""
    selection = _selection(container, stream, job) if may_skip else None
    shown = _shown_from(container, stream, start_s=job.start_s, selection=selection)
    if job.mode == "fast":
        shown = with_stand_ins(shown, max_age_s=job.grid.spacing_s / 2)
    return shown if job.is_whole else cut(shown, start_s=job.start_s, stop_s=job.stop_s)


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
    if start_s > 0 and demuxer_name(container) in INDEXED_FORMATS and first.pts is not None:
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
    skipped: list[SkippedFrame] = []
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
    if has_begun:
        yield from sorted(skipped)


def _decoded(
    container: InputContainer,
    stream: av.VideoStream,
    selection: Selection | None,
    skipped: list[SkippedFrame],
) -> Iterator[av.VideoFrame]:
    """Yield what the decoder gives, and put what it may leave out on the heap."""
    time_base = stream.time_base or Fraction(1, av.time_base)
    context = stream.codec_context
    for announced in look_ahead(container.demux(stream), time_base=time_base):
        packet = announced.packet
        if packet.is_corrupt:
            place = "" if announced.start_s is None else f" at {announced.start_s:.3f} s"
            raise UndecodableMediaError(f"a packet{place} is damaged or cut short")
        need = Need.PICTURE if selection is None else selection.need(announced)
        if need is not Need.PICTURE:
            heappush(skipped, skipped_frame(packet, need, time_base))
        if need is not Need.NOTHING:
            context.skip_frame = "DEFAULT" if need is Need.PICTURE else "NONREF"
            yield from stream.decode(packet)


def _take_before(frame: av.VideoFrame, skipped: list[SkippedFrame]) -> list[SkippedFrame]:
    """Take off the heap what a frame settles: what equals it was decoded after all."""
    before: list[SkippedFrame] = []
    while frame.pts is not None and skipped and skipped[0].pts <= frame.pts:
        item = heappop(skipped)
        if item.pts < frame.pts:
            before.append(item)
    return before
