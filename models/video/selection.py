"""Which packets need no decoding, by a look ahead over them; no codec.

When each frame is shown is known before it is decoded, from the times of the packets that follow. A
frame that no window samples and that no other frame is predicted from can be left undecoded, and so
can all that follows the last sampled frame.
"""

from array import array
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from math import inf
from typing import Generic, NamedTuple, Protocol, TypeVar

from models.video.sampling import TIME_TOLERANCE_S, SampleGrid

# Twice the farthest that H.264 and HEVC put a frame behind one that is shown later (16 frames:
# ITU-T H.264 A.3.1, max_dec_frame_buffering). Looking less far ahead would only skip less.
NUM_PACKETS_AHEAD = 32


class TimedPacket(Protocol):
    """What is needed of a packet: an av.Packet has it."""

    @property
    def size(self) -> int:
        """Bytes of its data; 0 for the packet that PyAV adds at the end."""
        ...

    @property
    def pts(self) -> int | None:
        """Presentation time in units of its time base, None if the container does not say."""
        ...

    @property
    def duration(self) -> int | None:
        """How long its frame is shown, in units of its time base; None or 0 if not known."""
        ...


PacketT = TypeVar("PacketT", bound=TimedPacket)


class SkippedFrameError(Exception):
    """A frame that was not decoded turned out to be needed: the packets' times were wrong."""


@dataclass(frozen=True, kw_only=True)
class SkippedFrame:
    """Stands for a frame that was not decoded, where frames are put in order of time.

    Attributes:
        pts: Presentation time in units of the time base.
        duration: How long it is shown, 0 if that is not known.
        time_base: The unit, in seconds.
        has_stand_in: Whether the frame before it may be shown instead.
    """

    pts: int
    duration: int
    time_base: Fraction
    has_stand_in: bool

    @property
    def time(self) -> float:
        """Presentation time in seconds."""
        return to_seconds(self.pts, self.time_base)

    def __lt__(self, other: "SkippedFrame") -> bool:
        return self.pts < other.pts


class Announced(NamedTuple, Generic[PacketT]):
    """A packet, and the range of time in which its frame is shown as far as packets tell.

    Attributes:
        packet: The packet.
        start_s: Its presentation time, None if it has none.
        stop_s: The time at which the next frame is shown, or later; None if none is known.
        earliest_s: The least presentation time among it and those that follow, -inf if not all of
            them have one.
    """

    packet: PacketT
    start_s: float | None
    stop_s: float | None
    earliest_s: float


class Need(Enum):
    """How much of a packet's frame is wanted."""

    PICTURE = "some window may show it"
    REFERENCE = "other frames may be predicted from it"
    STAND_IN = "the same, and the frame before it may be shown for it"
    NOTHING = "neither it nor any that follows is shown"


def skipped_frame(packet: TimedPacket, need: Need, time_base: Fraction) -> SkippedFrame:
    """Return what stands for the frame of a packet that has a time, if it is not decoded."""
    assert packet.pts is not None
    return SkippedFrame(
        pts=packet.pts,
        duration=packet.duration or 0,
        time_base=time_base,
        has_stand_in=need is Need.STAND_IN,
    )


def to_seconds(pts: int, time_base: Fraction) -> float:
    """Return a time in seconds, rounded as PyAV rounds those of frames."""
    return pts * time_base.numerator / time_base.denominator


def look_ahead(
    packets: Iterable[PacketT], *, time_base: Fraction, num_ahead: int = NUM_PACKETS_AHEAD
) -> Iterator[Announced[PacketT]]:
    """Yield packets as they come, each when as many are known of those that follow it.

    Args:
        packets: In the order of the container.
        time_base: The unit of their times, in seconds.
        num_ahead: How many are known.
    """
    window: _Window[PacketT] = _Window(time_base)
    for packet in packets:
        window.append(packet)
        if len(window.waiting) > num_ahead:
            yield window.popleft()
    while window.waiting:
        yield window.popleft()


class _Window(Generic[PacketT]):
    """Packets that wait, and times in order: of all packets, and of those that wait."""

    def __init__(self, time_base: Fraction) -> None:
        self.waiting: deque[PacketT] = deque()
        self._time_base = time_base
        self._num_untimed = 0
        self._times = array("q")  # of all packets: small as times of frames are
        self._waiting_times: list[int] = []

    def append(self, packet: PacketT) -> None:
        self.waiting.append(packet)
        if packet.pts is not None:
            insort(self._times, packet.pts)
            insort(self._waiting_times, packet.pts)
        elif packet.size:
            self._num_untimed += 1

    def popleft(self) -> Announced[PacketT]:
        earliest_s = self._earliest_s()
        packet = self.waiting.popleft()
        if packet.pts is None:
            self._num_untimed -= packet.size > 0
            return Announced(packet=packet, start_s=None, stop_s=None, earliest_s=earliest_s)
        del self._waiting_times[bisect_left(self._waiting_times, packet.pts)]
        position = bisect_right(self._times, packet.pts)
        is_last = position == len(self._times)
        return Announced(
            packet=packet,
            start_s=to_seconds(packet.pts, self._time_base),
            stop_s=None if is_last else to_seconds(self._times[position], self._time_base),
            earliest_s=earliest_s,
        )

    def _earliest_s(self) -> float:
        if self._num_untimed:
            return -inf
        times = self._waiting_times
        return to_seconds(times[0], self._time_base) if times else inf


class Selection:
    """Says which frames of a span of a video some window may show.

    Until `origin_s`, the time of the video's first frame, is set, all of them.

    Args:
        grid: The instants that are sampled.
        start_s: Start of the span, after the first frame.
        stop_s: End of the span; infinite for all of the video.
        last_instant_s: The last instant of the span that is sampled, from its start; infinite if
            that is not known. Should it turn out wrong, the video has to be decoded in full.
        can_skip: Whether frames before that instant may be skipped.
        has_stand_ins: Whether a frame that is skipped may be shown as the one before it.
    """

    def __init__(
        self,
        grid: SampleGrid,
        *,
        start_s: float,
        stop_s: float,
        last_instant_s: float = inf,
        can_skip: bool = True,
        has_stand_ins: bool = False,
    ) -> None:
        self.grid = grid
        self.start_s = start_s
        self.stop_s = stop_s
        self.last_instant_s = last_instant_s
        self.can_skip = can_skip
        self.has_stand_ins = has_stand_ins
        self.origin_s: float | None = None

    def need(self, announced: Announced[PacketT]) -> Need:
        """Say what is needed of a packet's frame: the last is shown, for padding repeats it."""
        if self.origin_s is None or announced.start_s is None:
            return Need.PICTURE
        span_s = self.origin_s + self.start_s
        if announced.earliest_s - span_s > self.last_instant_s:
            return Need.NOTHING
        if not self.can_skip:
            return Need.PICTURE
        if self.has_stand_ins:
            return Need.STAND_IN
        if announced.stop_s is None:
            return Need.PICTURE
        if announced.stop_s - self.origin_s >= self.stop_s - TIME_TOLERANCE_S:
            return Need.PICTURE
        start_s, stop_s = max(announced.start_s - span_s, 0.0), announced.stop_s - span_s
        return Need.PICTURE if self.grid.is_sampled(start_s, stop_s) else Need.REFERENCE
