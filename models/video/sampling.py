"""Which frames of a video make which windows: arithmetic on times, no pixels.

Times count from the first frame. A frame is shown from its own time until the next frame's, the
last one for its duration. Windows start at 0, one stride apart; each samples T instants, evenly
spaced, at the middle of T equal parts. An instant takes the frame that is shown then; past the end
of the video it takes the last frame again, and the window says how often it did.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.spec import ClipSpec
from models.video.windows import WindowSpan

# Matroska rounds times to milliseconds; the same video in MP4 must give the same frames.
TIME_TOLERANCE_S = 0.001


def frame_offsets_s(spec: ClipSpec) -> tuple[float, ...]:
    """Return the T instants of one window, in seconds after its start."""
    return tuple(
        (index + 0.5) * spec.window_s / spec.num_frames for index in range(spec.num_frames)
    )


@dataclass(frozen=True, kw_only=True)
class WindowPlan:
    """Which frame goes where.

    Attributes:
        indices_NT: int64, index of the frame that each slot of each window shows.
        spans: Where each of the N windows lies.
    """

    indices_NT: NDArray[np.int64]
    spans: tuple[WindowSpan, ...]

    def used(self) -> list[int]:
        """Return the frames that some slot shows, ascending."""
        return [int(index) for index in np.unique(self.indices_NT)]


@dataclass(frozen=True, kw_only=True)
class SampleGrid:
    """The instants at which a video is sampled, whatever its length.

    Attributes:
        offsets_s: Instants within a window.
        window_s: Length of a window.
        stride_s: Distance of window starts, > 0.
    """

    offsets_s: tuple[float, ...]
    window_s: float
    stride_s: float

    def __post_init__(self) -> None:
        if not 0 < self.stride_s < math.inf:
            raise ValueError(f"stride_s is {self.stride_s}, must be positive and finite")

    @property
    def spacing_s(self) -> float:
        """Time from one instant of a window to the next."""
        return self.window_s / len(self.offsets_s)

    @cached_property
    def late_offsets_s(self) -> tuple[float, ...]:
        """Instants within a window, late by the tolerance."""
        return tuple(offset_s + TIME_TOLERANCE_S for offset_s in self.offsets_s)

    def num_windows(self, duration_s: float) -> int:
        """Count the windows: the first, and each later one that is covered by half or more."""
        room_s = duration_s - self.window_s / 2 + TIME_TOLERANCE_S
        return 1 + max(0, math.floor(room_s / self.stride_s))

    def last_instant_s(self, duration_s: float) -> float:
        """Return the last instant that is sampled of a video of some length, perhaps infinite."""
        if duration_s == math.inf:
            return math.inf
        return (self.num_windows(duration_s) - 1) * self.stride_s + self.late_offsets_s[-1]

    def is_sampled(self, shown_from_s: float, shown_until_s: float) -> bool:
        """Say whether some window samples a frame that is shown in this half-open range."""
        if shown_until_s - shown_from_s > self.window_s + self.stride_s:
            return True  # a whole window lies in it; and however long it is, it costs nothing
        index = max(0, math.floor((shown_from_s - self.window_s) / self.stride_s))
        while (start_s := index * self.stride_s) < shown_until_s:
            near = bisect_left(self.late_offsets_s, shown_from_s - start_s)
            for offset_s in self.late_offsets_s[max(0, near - 1) : near + 1]:  # against rounding
                if shown_from_s <= start_s + offset_s < shown_until_s:
                    return True
            index += 1
        return False

    def plan(self, times_s: Sequence[float], *, duration_s: float) -> WindowPlan:
        """Assign frames to windows.

        Args:
            times_s: When each frame is shown first, ascending, the first at 0.
            duration_s: When the last frame is gone.
        """
        indices = range(self.num_windows(duration_s))
        return WindowPlan(
            indices_NT=np.array([self.slots(index, times_s) for index in indices]),
            spans=tuple(self.span(index, duration_s=duration_s) for index in indices),
        )

    def slots(self, index: int, times_s: Sequence[float]) -> list[int]:
        """Return which frame each of the T slots of a window shows.

        Args:
            index: Which window.
            times_s: When each frame is shown first, ascending, the first at 0; those that follow
                the window may lack.
        """
        return [bisect_right(times_s, instant_s) - 1 for instant_s in self.instants_s(index)]

    def span(self, index: int, *, duration_s: float) -> WindowSpan:
        """Return where a window of a video of some length lies."""
        return WindowSpan(
            start_s=index * self.stride_s,
            stop_s=index * self.stride_s + self.window_s,
            num_padded_frames=sum(instant_s >= duration_s for instant_s in self.instants_s(index)),
        )

    def instants_s(self, index: int) -> list[float]:
        """Return the T instants of a window, late by the tolerance."""
        start_s = index * self.stride_s
        return [start_s + offset_s for offset_s in self.late_offsets_s]


def sample_grid(spec: ClipSpec, *, stride_s: float | None = None) -> SampleGrid:
    """Return the grid of a spec; without a stride, windows do not overlap.

    Raises:
        ValueError: If the stride is not positive and finite.
    """
    return SampleGrid(
        offsets_s=frame_offsets_s(spec),
        window_s=spec.window_s,
        stride_s=spec.window_s if stride_s is None else stride_s,
    )
