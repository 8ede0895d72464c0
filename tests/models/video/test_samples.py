"""What real files of foreign encoders must give; the folder is no part of the project."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from models.errors import UndecodableMediaError
from models.spec import ClipSpec
from models.video.decode import read_windows

SPEC = ClipSpec()


@dataclass(frozen=True)
class Expected:
    """Figures of a file."""

    size_px: tuple[int, int]
    num_frames: int
    duration_s: float
    num_windows: int
    num_padded: int
    codec: str = "h264"
    frame_rate_hz: float = 30.0


SAMPLES = {
    "asl_book.mkv": Expected((640, 480), 109, 3.633, 1, 0),
    "asl_eat.mkv": Expected((640, 480), 47, 1.566, 1, 8),
    "asl_milk.mkv": Expected((640, 480), 51, 1.7, 1, 7),
    "driver_phone_right.gif": Expected((600, 339), 50, 3.0, 1, 0, "gif", 16.667),
    "h265_8bit.mp4": Expected((128, 128), 10, 1.0, 1, 11, "hevc", 10.0),
    "nasa_multistream_h264.mp4": Expected((480, 270), 390, 13.013, 4, 0, frame_rate_hz=29.97),
    "pancake_h264.mkv": Expected((426, 240), 310, 10.333, 3, 0),
    "rotated_90.mov": Expected((320, 568), 3, 0.1, 1, 15),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_is_decoded(samples_dir: Path, name: str) -> None:
    expected = SAMPLES[name]

    video = read_windows(samples_dir / name, SPEC)

    assert video.windows_NTHWC.shape == (expected.num_windows, 16, 112, 112, 3)
    assert (video.info.width_px, video.info.height_px) == expected.size_px
    assert (video.info.num_frames, video.info.codec) == (expected.num_frames, expected.codec)
    assert video.info.duration_s == pytest.approx(expected.duration_s, abs=0.001)
    assert video.info.frame_rate_hz == pytest.approx(expected.frame_rate_hz, abs=0.01)
    assert video.spans[-1].num_padded_frames == expected.num_padded


def test_corrupted_sample_is_refused(samples_dir: Path) -> None:
    with pytest.raises(UndecodableMediaError, match=r"decoding stopped at 2\.700 s"):
        read_windows(samples_dir / "corrupted.mp4", SPEC)


@pytest.mark.parametrize("name", ["asl_book.mkv", "driver_phone_right.gif", "pancake_h264.mkv"])
def test_span_of_a_sample_is_what_a_whole_read_shows(samples_dir: Path, name: str) -> None:
    spec = ClipSpec(num_frames=10, window_s=1.0, size_px=32)
    whole = read_windows(samples_dir / name, spec)

    assert len(whole.spans) > 2
    for span, clip_THWC in zip(whole.spans, whole.windows_NTHWC, strict=True):
        video = read_windows(
            samples_dir / name, spec, start_s=span.start_s, stop_s=span.start_s + 1.0
        )

        assert np.array_equal(video.windows_NTHWC[0], clip_THWC)


def test_full_range_sample_has_the_colors_of_its_scene(samples_dir: Path) -> None:
    """The signer wears an orange pullover before a pale blue wall."""
    picture_HWC = read_windows(samples_dir / "asl_book.mkv", SPEC).windows_NTHWC[0, 0].astype(int)

    pullover, wall = picture_HWC[55:70, 43:58].mean((0, 1)), picture_HWC[25:45, 8:28].mean((0, 1))

    assert pullover[0] > 150
    assert pullover[0] - pullover[2] > 100
    assert np.ptp(wall) < 40


def test_rotated_sample_stands_upright(samples_dir: Path) -> None:
    """A keyboard, its space bar at the lower left: dark and without any letter."""
    picture_HWC = read_windows(samples_dir / "rotated_90.mov", SPEC).windows_NTHWC[0, 0]

    space_bar, letters = picture_HWC[90:104, 3:40], picture_HWC[25:39, 3:40]

    assert space_bar.max() < letters.max() - 50


def test_larger_of_two_video_streams_is_taken(samples_dir: Path) -> None:
    video = read_windows(samples_dir / "nasa_multistream_h264.mp4", SPEC)

    assert video.info.width_px == 480  # the other one is 320 wide
