"""Which packets need no decoding, by a look ahead over them; no codec.

A frame that no window samples and that no other frame is predicted from can be left undecoded. When
each frame is shown is known before it is decoded, from the times of the packets that follow.
"""

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, Protocol, TypeVar

from models.video.sampling import TIME_TOLERANCE_S, SampleGrid

# Twice the farthest that H.264 and HEVC put a frame behind one that is shown later (16 frames:
# ITU-T H.264 A.3.1, max_dec_frame_buffering). Looking less far ahead would only skip less.
NUM_PACKETS_AHEAD = 32


class TimedPacket(Protocol):
    """What is needed of a packet: an av.Packet has it."""

    @property
    def pts(self) -> int | None:
        """Presentation time in units of its time base, None if the container does not say."""
        ...

    @property
    def time_base(self) -> Fraction | None:
        """The unit of its time, in seconds."""
        ...


PacketT = TypeVar("PacketT", bound=TimedPacket)


class SkippedFrameError(Exception):
    """A frame that was not decoded turned out to be needed: the packets' times were wrong."""


@dataclass(frozen=True, kw_only=True)
class SkippedFrame:
    """Stands for a frame that was not decoded, where frames are put in order of time."""

    pts: int
    time_base: Fraction

    @property
    def time(self) -> float:
        """Presentation time in seconds."""
        return float(self.pts * self.time_base)

    @property
    def duration(self) -> int:
        """Not known: until the next frame."""
        return 0


@dataclass(frozen=True, kw_only=True)
class Announced(Generic[PacketT]):
    """A packet, and the range of time in which its frame is shown as far as packets tell.

    Attributes:
        packet: The packet.
        start_s: Its presentation time, None if it has none.
        stop_s: The time at which the next frame is shown, or later; None if none is known.
    """

    packet: PacketT
    start_s: float | None
    stop_s: float | None


def look_ahead(
    packets: Iterable[PacketT], *, num_ahead: int = NUM_PACKETS_AHEAD
) -> Iterator[Announced[PacketT]]:
    """Yield packets as they come, each when as many are known of those that follow it."""
    waiting: deque[PacketT] = deque()
    times: list[int] = []
    for packet in packets:
        waiting.append(packet)
        if packet.pts is not None:
            insort(times, packet.pts)
        if len(waiting) > num_ahead:
            yield _announce(waiting.popleft(), times)
    while waiting:
        yield _announce(waiting.popleft(), times)


class Selection:
    """Says which frames of a span of a video some window may show.

    Until `origin_s`, the time of the video's first frame, is set, all of them.

    Args:
        grid: The instants that are sampled.
        start_s: Start of the span, after the first frame.
        stop_s: End of the span; infinite for all of the video.
    """

    def __init__(self, grid: SampleGrid, *, start_s: float, stop_s: float) -> None:
        self.grid = grid
        self.start_s = start_s
        self.stop_s = stop_s
        self.origin_s: float | None = None

    def needs(self, announced: Announced[PacketT]) -> bool:
        """Say whether the packet's frame may be sampled, or be the last: padding repeats that."""
        if self.origin_s is None or announced.start_s is None or announced.stop_s is None:
            return True
        if announced.stop_s - self.origin_s >= self.stop_s - TIME_TOLERANCE_S:
            return True
        span_s = self.origin_s + self.start_s
        return self.grid.is_sampled(max(announced.start_s - span_s, 0.0), announced.stop_s - span_s)


def _announce(packet: PacketT, times: list[int]) -> Announced[PacketT]:
    if packet.pts is None or packet.time_base is None:
        return Announced(packet=packet, start_s=None, stop_s=None)
    position = bisect_right(times, packet.pts)
    stop_s = float(times[position] * packet.time_base) if position < len(times) else None
    return Announced(packet=packet, start_s=float(packet.pts * packet.time_base), stop_s=stop_s)
