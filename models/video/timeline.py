"""When each frame of a stream is shown, and the cutting of a span out of it; no pixels."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Generic, NamedTuple, Protocol, TypeVar

from models.errors import UndecodableMediaError
from models.video.sampling import TIME_TOLERANCE_S

MAX_BACKSTEP_S = 1.0


class TimedFrame(Protocol):
    """What is needed of a decoded frame: an av.VideoFrame has it."""

    @property
    def time(self) -> float | None:
        """Presentation time in seconds, None if the stream does not say."""
        ...

    @property
    def duration(self) -> int:
        """How long it is shown, in units of its time base; 0 if the stream does not say."""
        ...

    @property
    def time_base(self) -> Fraction | None:
        """The unit of its duration, in seconds."""
        ...


FrameT = TypeVar("FrameT", bound=TimedFrame)


class Shown(NamedTuple, Generic[FrameT]):  # a tuple, for thousands are made
    """A frame and the half-open range of time in which it is shown."""

    frame: FrameT
    start_s: float
    stop_s: float


def shown_frames(
    frames: Iterable[FrameT], *, frame_period_s: float, origin_s: float = 0.0
) -> Iterator[Shown[FrameT]]:
    """Yield each frame with its time, which ends where the next one's begins.

    A frame without a time follows the one before after a frame period; one whose time goes back a
    little takes the time of the one before. The last frame lasts its own duration, or a period.

    Args:
        frames: In order of presentation.
        frame_period_s: Time between frames, where timestamps do not say it.
        origin_s: Timestamp from which times count.

    Raises:
        UndecodableMediaError: If the times go back by more than `MAX_BACKSTEP_S`.
    """
    held: FrameT | None = None
    held_s = 0.0
    for frame in frames:
        time_s = None if frame.time is None else frame.time - origin_s
        if held is None:
            held_s = time_s or 0.0
        else:
            stop_s = _next_time_s(held_s, time_s, frame_period_s)
            yield Shown(frame=held, start_s=held_s, stop_s=stop_s)
            held_s = stop_s
        held = frame
    if held is not None:
        last_s = float(held.duration * (held.time_base or 0)) or frame_period_s
        yield Shown(frame=held, start_s=held_s, stop_s=held_s + last_s)


def cut(
    shown: Iterable[Shown[FrameT]], *, start_s: float, stop_s: float | None
) -> Iterator[Shown[FrameT]]:
    """Yield what is shown between two times, with times that count from the first of them.

    Frames that begin within the tolerance of a border count as beginning on it.
    """
    stop_s = float("inf") if stop_s is None else stop_s
    for item in shown:
        if item.start_s >= stop_s - TIME_TOLERANCE_S:
            return
        if item.stop_s > start_s + TIME_TOLERANCE_S:
            yield Shown(
                frame=item.frame,
                start_s=max(item.start_s - start_s, 0.0),
                stop_s=min(item.stop_s, stop_s) - start_s,
            )


def _next_time_s(previous_s: float, time_s: float | None, frame_period_s: float) -> float:
    if time_s is None:
        return previous_s + frame_period_s
    if time_s < previous_s - MAX_BACKSTEP_S:
        raise UndecodableMediaError(f"frame times go back from {previous_s:g} s to {time_s:g} s")
    return max(time_s, previous_s)
