"""Windows out of frames in time and a way to scale one of them; no codec.

Tensor suffixes: N windows or clips, T frames, H height, W width; the last axis of 3 is RGB.
"""

import math
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.errors import InvalidFramesError, MediaTooShortError
from models.spec import ClipSpec
from models.video.limits import DecodeLimits
from models.video.pictures import PictureMeter, StoredPicture
from models.video.sampling import SampleGrid, WindowPlan
from models.video.selection import SkippedFrame, SkippedFrameError
from models.video.timeline import Shown, TimedFrame
from models.video.windows import DecodeMode, VideoInfo, VideoWindows, WindowSpan

Picture = NDArray[np.uint8]


class SizedFrame(TimedFrame, StoredPicture, Protocol):
    """A frame in time with its geometry: an av.VideoFrame has it."""

    @property
    def rotation(self) -> int:
        """Counter-clockwise turn in degrees, -180 to 180, that its metadata asks for."""
        ...


FrameT = TypeVar("FrameT", bound=SizedFrame)


@dataclass(frozen=True, kw_only=True)
class Walk(Generic[FrameT]):
    """What one pass over a video gave, besides the windows themselves.

    Attributes:
        spans: Where each window lies.
        last_frame: The last frame that was decoded.
        num_frames: How many frames there were.
        duration_s: When the last frame is gone.
    """

    spans: tuple[WindowSpan, ...]
    last_frame: FrameT
    num_frames: int
    duration_s: float


def walk(
    video: Iterable[Shown[FrameT | SkippedFrame]],
    *,
    scale: Callable[[FrameT], Picture],
    grid: SampleGrid,
    limits: DecodeLimits,
    write: Callable[[Sequence[Picture]], None],
) -> Walk[FrameT]:
    """Go over a video once, scale only the frames that some window samples, and write windows.

    Args:
        video: Its frames in order of presentation.
        scale: Makes a picture of a frame.
        grid: The instants that are sampled.
        limits: What is accepted.
        write: Takes the T pictures of each window, in order, as soon as the last is there.

    Raises:
        MediaTooShortError: If there are too few frames.
        MediaLimitError: If a limit is exceeded, as soon as it is.
        UnsupportedMediaError: If a picture's pixel format is not accepted.
        SkippedFrameError: If a frame that a window shows was skipped.
    """
    windows = _Windows(grid, write)
    safe_s = _safe_length_s(grid, limits)
    last_frame, meter = None, PictureMeter(limits)
    for shown in video:
        windows.times_s.append(shown.start_s)
        if len(windows.times_s) > limits.max_frames:
            limits.check("max_frames", len(windows.times_s))
        if shown.stop_s > safe_s:
            _check_length(shown.stop_s, grid=grid, limits=limits)
        if not isinstance(shown.frame, SkippedFrame):
            last_frame = shown.frame
            meter.check(last_frame)
            if grid.is_sampled(shown.start_s, shown.stop_s):
                windows.add(scale(last_frame))
        meter.count()
        windows.write_until(shown.stop_s)
    if last_frame is None or len(windows.times_s) < limits.min_frames:
        raise MediaTooShortError(len(windows.times_s), limits.min_frames)
    if last_frame is shown.frame:
        windows.add(scale(last_frame))  # padding repeats it
    return Walk(
        spans=windows.write_rest(shown.stop_s),
        last_frame=last_frame,
        num_frames=len(windows.times_s),
        duration_s=shown.stop_s,
    )


class _Windows:
    """Writes each window of a video as soon as it is complete, and forgets what none needs."""

    def __init__(self, grid: SampleGrid, write: Callable[[Sequence[Picture]], None]) -> None:
        self.times_s = array("d")  # a list would take five times as much: 3 MB an hour
        self._grid = grid
        self._write = write
        self._pictures: dict[int, Picture] = {}
        self._num_written = 0
        self._complete_s = grid.instants_s(0)[-1]

    def add(self, picture: Picture) -> None:
        """Take the picture of the last frame of which the time is known."""
        self._pictures[len(self.times_s) - 1] = picture

    def write_until(self, shown_s: float) -> None:
        """Write the windows of which all instants are before a time."""
        while self._complete_s < shown_s:
            self._write_next()
            self._forget_before(self._grid.instants_s(self._num_written)[0])

    def write_rest(self, duration_s: float) -> tuple[WindowSpan, ...]:
        """Write what windows there are after that, and return the spans of all."""
        num_windows = self._grid.num_windows(duration_s)
        while self._num_written < num_windows:
            self._write_next()
        return tuple(self._grid.span(k, duration_s=duration_s) for k in range(num_windows))

    def _write_next(self) -> None:
        slots = self._grid.slots(self._num_written, self.times_s)
        try:
            self._write([self._pictures[slot] for slot in slots])
        except KeyError as exc:
            raise SkippedFrameError from exc
        self._num_written += 1
        self._complete_s = self._grid.instants_s(self._num_written)[-1]

    def _forget_before(self, time_s: float) -> None:
        first = bisect_right(self.times_s, time_s) - 1
        for index in [index for index in self._pictures if index < first]:
            del self._pictures[index]


def with_stand_ins(
    span: Iterable[Shown[FrameT | SkippedFrame]], *, max_age_s: float
) -> Iterator[Shown[FrameT | SkippedFrame]]:
    """Yield frames with times; one that was skipped and may be replaced is the decoded one before.

    Args:
        span: In order of presentation.
        max_age_s: How much earlier that one may be shown.
    """
    held: Shown[FrameT] | None = None
    for shown in span:
        frame = shown.frame
        if not isinstance(frame, SkippedFrame):
            held = Shown(frame=frame, start_s=shown.start_s, stop_s=shown.stop_s)
            yield shown
        elif frame.has_stand_in and held and shown.start_s - held.start_s <= max_age_s:
            yield Shown(frame=held.frame, start_s=shown.start_s, stop_s=shown.stop_s)
        else:
            yield shown


def assemble(
    plan: WindowPlan, pictures_HWC: Mapping[int, Picture], info: VideoInfo
) -> VideoWindows:
    """Put each picture into every slot that shows it; all pictures have one shape."""
    indices_NT = plan.indices_NT
    picture_shape = pictures_HWC[int(indices_NT[0, 0])].shape
    windows_NTHWC = np.empty((*indices_NT.shape, *picture_shape), np.uint8)
    for slot in np.ndindex(indices_NT.shape):
        windows_NTHWC[slot] = pictures_HWC[int(indices_NT[slot])]
    return VideoWindows(windows_NTHWC=windows_NTHWC, spans=plan.spans, info=info)


def plan_steady(
    num_frames: int, *, frame_rate_hz: float, grid: SampleGrid, limits: DecodeLimits
) -> WindowPlan:
    """Plan frames that follow each other at a constant rate.

    Raises:
        MediaTooShortError: If there are too few frames.
        MediaLimitError: If they last too long.
        ValueError: If the rate is not positive and finite.
    """
    if not 0 < frame_rate_hz < math.inf:
        raise ValueError(f"frame_rate_hz is {frame_rate_hz}, must be positive and finite")
    limits.check_min_frames(num_frames)
    duration_s = num_frames / frame_rate_hz
    _check_length(duration_s, grid=grid, limits=limits)
    times_s = [index / frame_rate_hz for index in range(num_frames)]
    return grid.plan(times_s, duration_s=duration_s)


def plan_clips(num_clips: int, spec: ClipSpec) -> WindowPlan:
    """Plan clips that are windows already, their frames numbered through."""
    num_frames = num_clips * spec.num_frames
    span = WindowSpan(start_s=0.0, stop_s=spec.window_s, num_padded_frames=0)
    indices_NT = np.arange(num_frames).reshape(num_clips, spec.num_frames)
    return WindowPlan(indices_NT=indices_NT, spans=(span,) * num_clips)


def quarter_turns(frame: SizedFrame) -> int:
    """Return the counter-clockwise quarter turns, 0 to 3, nearest to a frame's rotation."""
    return round(frame.rotation / 90) % 4


def video_info(
    walked: Walk[FrameT],
    *,
    container: str,
    codec: str,
    frame_rate_hz: float | None,
    decode: DecodeMode,
) -> VideoInfo:
    """Describe a video that was walked over."""
    frame = walked.last_frame
    sides_px = (frame.width, frame.height)
    width_px, height_px = sides_px[::-1] if quarter_turns(frame) % 2 else sides_px
    return VideoInfo(
        container=container,
        codec=codec,
        width_px=width_px,
        height_px=height_px,
        rotation_degrees=90 * quarter_turns(frame),
        frame_rate_hz=frame_rate_hz,
        duration_s=walked.duration_s,
        num_frames=walked.num_frames,
        decode=decode,
    )


def steady_info(
    shape: Sequence[int], frame_rate_hz: float, *, container: str, codec: str
) -> VideoInfo:
    """Describe frames of shape (T, H, W, 3) that did not come out of a video."""
    num_frames, height_px, width_px = shape[:3]
    return VideoInfo(
        container=container,
        codec=codec,
        width_px=width_px,
        height_px=height_px,
        rotation_degrees=0,
        frame_rate_hz=frame_rate_hz,
        duration_s=num_frames / frame_rate_hz,
        num_frames=num_frames,
    )


def check_array(array: NDArray[np.uint8], *, num_axes: int) -> None:
    """Raise `InvalidFramesError` unless it is uint8 with so many axes, the last of them RGB."""
    shape = array.shape
    is_shaped = len(shape) == num_axes and shape[-1] == 3 and all(shape)
    if array.dtype != np.uint8 or not is_shaped:
        axes = "(N,T,H,W,3)" if num_axes == 5 else "(T,H,W,3)"
        raise InvalidFramesError(f"array is {array.dtype} {shape}, needs uint8 {axes}")


def _safe_length_s(grid: SampleGrid, limits: DecodeLimits) -> float:
    """Return a length that is under the limits for sure."""
    windows_s = (limits.max_windows - 1) * grid.stride_s + grid.window_s / 2
    return min(limits.max_duration_s, windows_s)


def _check_length(duration_s: float, *, grid: SampleGrid, limits: DecodeLimits) -> None:
    limits.check("max_duration_s", duration_s)
    limits.check("max_windows", grid.num_windows(duration_s))
