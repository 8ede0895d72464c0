"""Windows out of frames in time, whatever decodes them."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from models.spec import ClipSpec
from models.video.assembly import Picture, walk
from models.video.limits import DecodeLimits
from models.video.sampling import sample_grid
from models.video.selection import SkippedFrame
from models.video.timeline import Shown

SPEC = ClipSpec(num_frames=4, window_s=1.0, size_px=16)


@dataclass(frozen=True)
class Gray:
    name: str = "gray"
    padded_bits_per_pixel: int = 8


@dataclass(frozen=True)
class Frame:
    index: int
    time: float
    width: int = 16
    height: int = 16
    rotation: int = 0
    format: Gray = Gray()
    duration: int = 1
    time_base: Fraction = Fraction(1, 10)


def video(num_frames: int) -> list[Shown[Frame | SkippedFrame]]:
    return [
        Shown(frame=Frame(index, index / 10), start_s=index / 10, stop_s=(index + 1) / 10)
        for index in range(num_frames)
    ]


@pytest.mark.parametrize("stride_s", [None, 0.3, 1.7])
def test_pictures_are_kept_no_longer_than_a_window_needs_them(stride_s: float | None) -> None:
    alive: list[weakref.ref[Picture]] = []
    num_alive: list[int] = []

    def scale(frame: Frame) -> Picture:
        picture = np.full((16, 16, 3), frame.index % 256, np.uint8)
        alive.append(weakref.ref(picture))
        return picture

    def write(pictures: Sequence[Picture]) -> None:
        num_alive.append(sum(picture() is not None for picture in alive))

    grid = sample_grid(SPEC, stride_s=stride_s)
    walked = walk(video(600), scale=scale, grid=grid, limits=DecodeLimits(), write=write)

    assert len(num_alive) == len(walked.spans) == grid.num_windows(60.0)
    assert max(num_alive) <= 12


@pytest.mark.parametrize("num_frames", [2, 9, 10, 14, 15, 16, 25, 31])
@pytest.mark.parametrize("stride_s", [None, 0.3, 1.7])
def test_windows_that_are_written_early_are_those_of_the_plan(
    num_frames: int, stride_s: float | None
) -> None:
    written: list[list[int]] = []
    grid = sample_grid(SPEC, stride_s=stride_s)

    walked = walk(
        video(num_frames),
        scale=lambda frame: np.full((16, 16, 3), frame.index, np.uint8),
        grid=grid,
        limits=DecodeLimits(),
        write=lambda pictures: written.append([int(picture[0, 0, 0]) for picture in pictures]),
    )

    times_s = [shown.start_s for shown in video(num_frames)]
    plan = grid.plan(times_s, duration_s=num_frames / 10)
    assert written == plan.indices_NT.tolist()
    assert walked.spans == plan.spans
