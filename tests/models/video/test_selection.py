"""What is left undecoded, and that no picture depends on it."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from models.spec import ClipSpec
from models.video import decode
from models.video.decode import read_windows
from models.video.sampling import sample_grid
from models.video.selection import Announced, Need, Selection, look_ahead
from tests.media import barcode_frames, read_barcodes, write_video

SPEC = ClipSpec(num_frames=4, window_s=1.0, size_px=64)
GRID = sample_grid(SPEC)  # at 0.125, 0.375, 0.625 and 0.875 s
TENTH_S = Fraction(1, 10)
B_FRAMES = {"x264-params": "bframes=3:b-adapt=0"}


@dataclass(frozen=True)
class Packet:
    pts: int | None
    duration: int | None = None
    size: int = 1


def ranges_s(times: list[int | None], *, num_ahead: int) -> list[tuple[Any, Any]]:
    packets = [Packet(time) for time in times]
    announced = look_ahead(packets, time_base=TENTH_S, num_ahead=num_ahead)
    return [(item.start_s, item.stop_s) for item in announced]


def announce(
    start_s: float, stop_s: float | None, *, earliest_s: float | None = None
) -> Announced[Packet]:
    earliest_s = start_s if earliest_s is None else earliest_s
    return Announced(packet=Packet(0), start_s=start_s, stop_s=stop_s, earliest_s=earliest_s)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the times of the frames that the decoder gave, pass after pass."""
    times: list[int] = []
    original = decode._decoded

    def listen(*args: Any) -> Iterator[av.VideoFrame]:
        for frame in original(*args):
            times.append(frame.pts or 0)
            yield frame

    monkeypatch.setattr(decode, "_decoded", listen)
    return times


def test_range_of_a_packet_ends_where_the_next_in_time_begins() -> None:
    assert ranges_s([0, 4, 2, 1, 3], num_ahead=4) == [
        (0.0, 0.1),
        (0.4, None),
        (0.2, 0.3),
        (0.1, 0.2),
        (0.3, 0.4),
    ]


def test_looking_less_far_ahead_gives_ranges_that_are_too_long_at_most() -> None:
    assert ranges_s([0, 4, 2, 1, 3], num_ahead=1) == [
        (0.0, 0.4),
        (0.4, None),
        (0.2, 0.4),
        (0.1, 0.2),
        (0.3, 0.4),
    ]


def test_packet_without_a_time_has_no_range() -> None:
    assert ranges_s([0, None, 1], num_ahead=4) == [(0.0, 0.1), (None, None), (0.1, None)]


@pytest.mark.parametrize(
    ("start_s", "stop_s", "is_needed"),
    [(5.0, 5.1, False), (5.1, 5.2, True), (5.2, 5.3, False), (5.2, None, True), (4.9, 5.0, False)],
)
def test_needed_is_what_is_sampled_or_may_be_the_last(
    start_s: float, stop_s: float | None, is_needed: bool
) -> None:
    selection = Selection(GRID, start_s=3.0, stop_s=inf)
    selection.origin_s = 2.0

    need = selection.need(announce(start_s, stop_s))

    assert need is (Need.PICTURE if is_needed else Need.REFERENCE)


def test_everything_is_needed_until_the_first_frame_is_known() -> None:
    selection = Selection(GRID, start_s=0.0, stop_s=inf)

    assert selection.need(announce(0.2, 0.3)) is Need.PICTURE


def test_last_frame_of_a_span_is_needed() -> None:
    selection = Selection(GRID, start_s=0.0, stop_s=0.3)
    selection.origin_s = 0.0

    assert selection.need(announce(0.2, 0.3)) is Need.PICTURE


def test_frames_that_nothing_needs_are_not_decoded(tmp_path: Path, decoded: list[int]) -> None:
    path = write_video(tmp_path / "video.mp4", barcode_frames(60), options=B_FRAMES)

    video = read_windows(path, SPEC)

    assert read_barcodes(video.windows_NTHWC[1]) == [33, 41, 48, 56]
    assert video.info.num_frames == 60
    assert len(decoded) < 50


@pytest.mark.parametrize(("start_s", "stop_s"), [(0.0, inf), (0.5, 1.4), (1.1, inf)])
@pytest.mark.parametrize("stride_s", [None, 0.3])
def test_pictures_are_those_of_a_full_decode(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    start_s: float,
    stop_s: float,
    stride_s: float | None,
) -> None:
    path = write_video(tmp_path / "video.mp4", barcode_frames(60), options=B_FRAMES)
    video = read_windows(path, SPEC, start_s=start_s, stop_s=stop_s, stride_s=stride_s)

    monkeypatch.setattr(Selection, "need", lambda self, announced: Need.PICTURE)
    full = read_windows(path, SPEC, start_s=start_s, stop_s=stop_s, stride_s=stride_s)

    assert np.array_equal(video.windows_NTHWC, full.windows_NTHWC)
    assert (video.spans, video.info) == (full.spans, full.info)


@pytest.mark.parametrize("as_file", [False, True])
def test_video_is_decoded_in_full_when_it_is_longer_than_its_header_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[int], as_file: bool
) -> None:
    path = write_video(tmp_path / "video.mp4", barcode_frames(60), options=B_FRAMES)
    monkeypatch.setattr(decode, "stated_duration_s", lambda *_: 1.0)

    if as_file:
        with path.open("rb") as file:
            video = read_windows(file, SPEC)
    else:
        video = read_windows(path, SPEC)

    assert read_barcodes(video.windows_NTHWC[1]) == [33, 41, 48, 56]
    assert len(decoded) > 60


def test_nothing_is_needed_after_the_last_instant_of_the_video() -> None:
    selection = Selection(GRID, start_s=0.0, stop_s=inf, last_instant_s=0.9)
    selection.origin_s = 2.0

    assert selection.need(announce(3.0, 3.1)) is Need.NOTHING
    assert selection.need(announce(3.0, 3.1, earliest_s=2.8)) is not Need.NOTHING


def test_what_follows_the_last_instant_is_not_decoded(tmp_path: Path, decoded: list[int]) -> None:
    path = write_video(tmp_path / "video.mp4", barcode_frames(42), options=B_FRAMES)

    video = read_windows(path, SPEC)

    assert len(video.spans) == 1  # the last 0.4 s are less than half a window
    assert video.info.num_frames == 42
    assert video.info.duration_s == pytest.approx(1.4)
    assert len(decoded) <= 30


@pytest.mark.parametrize("num_frames", [40, 60, 61])
def test_fast_decoding_shows_the_frame_or_one_shortly_before(
    tmp_path: Path, num_frames: int
) -> None:
    path = write_video(tmp_path / "video.mp4", barcode_frames(num_frames), options=B_FRAMES)
    exact = read_windows(path, SPEC)

    fast = read_windows(path, SPEC, mode="fast")

    early = np.subtract(
        [read_barcodes(window) for window in exact.windows_NTHWC],
        [read_barcodes(window) for window in fast.windows_NTHWC],
    )
    assert set(early.flat) <= {0, 1, 2, 3}
    assert early.any()
    assert (fast.spans, fast.info.num_frames) == (exact.spans, exact.info.num_frames)
    assert (fast.info.decode, exact.info.decode) == ("fast", "exact")


def test_fast_decoding_shows_no_frame_that_is_too_old(tmp_path: Path) -> None:
    options = {"x264-params": "bframes=16:b-adapt=0:b-pyramid=none:keyint=60"}
    path = write_video(tmp_path / "video.mp4", barcode_frames(60), options=options)

    fast = read_windows(path, SPEC, mode="fast")

    assert read_barcodes(fast.windows_NTHWC[0]) == [3, 11, 18, 26]
