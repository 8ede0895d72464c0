"""Videos of accepted kinds: which frames come out, and how they look."""

from io import BytesIO
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from models.spec import ClipSpec
from models.video.arrays import frames_to_windows
from models.video.decode import read_windows
from models.video.windows import VideoWindows
from tests.clips import KINDS
from tests.media import barcode_frames, read_barcodes, write_video

SPEC = ClipSpec(num_frames=4, window_s=1.0, size_px=64)
SHOWN_AT_30_HZ = [3, 11, 18, 26]  # at 0.125, 0.375, 0.625 and 0.875 s


def shown(video: VideoWindows) -> list[list[int]]:
    return [read_barcodes(frames_THWC) for frames_THWC in video.windows_NTHWC]


@pytest.fixture(params=KINDS, scope="module")
def any_video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kinds") / str(request.param)
    return write_video(path, barcode_frames(75), **KINDS[request.param])


def test_every_accepted_kind_gives_the_frames_shown_at_the_instants(any_video: Path) -> None:
    video = read_windows(any_video, SPEC)

    assert shown(video) == [[k + start for k in SHOWN_AT_30_HZ] for start in (0, 30)] + [
        [63, 71, 74, 74]
    ]
    assert [span.num_padded_frames for span in video.spans] == [0, 0, 2]
    assert video.info.num_frames == 75
    assert video.info.duration_s == pytest.approx(2.5, abs=0.04)


@pytest.mark.parametrize("any_video", sorted(KINDS.keys() - {"animated.gif"}), indirect=True)
@pytest.mark.parametrize(("first", "stop"), [(0, 20), (1, 35), (11, 41), (13, 75), (47, 49)])
def test_span_gives_the_frames_that_a_whole_read_gives(
    any_video: Path, first: int, stop: int
) -> None:
    start_s, stop_s = first / 30, stop / 30
    whole = read_windows(any_video, ClipSpec(num_frames=75, window_s=2.5, size_px=64))
    frames_THWC = whole.windows_NTHWC[0][first:stop]

    video = read_windows(any_video, SPEC, start_s=start_s, stop_s=stop_s)

    expected = frames_to_windows(frames_THWC, SPEC, frame_rate_hz=30)
    assert np.array_equal(video.windows_NTHWC, expected.windows_NTHWC)
    assert video.spans == expected.spans
    assert video.info.num_frames == stop - first


def test_path_and_spooled_upload_are_bit_equal(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", barcode_frames(40))

    with SpooledTemporaryFile() as spooled:
        spooled.write(path.read_bytes())
        spooled.seek(0)
        uploaded = read_windows(cast(BinaryIO, spooled), SPEC)
    read = read_windows(path, SPEC)

    assert np.array_equal(read.windows_NTHWC, uploaded.windows_NTHWC)
    assert (read.spans, read.info) == (uploaded.spans, uploaded.info)


def test_frame_that_windows_share_is_the_same_in_each(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", barcode_frames(60))

    video = read_windows(path, SPEC, stride_s=0.5)

    assert shown(video)[:3] == [[3, 11, 18, 26], [18, 26, 33, 41], [33, 41, 48, 56]]
    assert np.array_equal(video.windows_NTHWC[0, 2:], video.windows_NTHWC[1, :2])
    assert [span.start_s for span in video.spans] == [0.0, 0.5, 1.0, 1.5]


def test_variable_frame_rate_is_followed_by_timestamps(tmp_path: Path) -> None:
    times_s = [0.0, 0.05, 0.1, 0.3, 0.62, 0.63, 0.9, 1.0]
    path = write_video(tmp_path / "video.mp4", barcode_frames(8), times_s=times_s)

    video = read_windows(path, SPEC)

    assert shown(video) == [[2, 3, 4, 5]]
    assert video.info.duration_s > 1.0


def test_video_that_does_not_begin_at_zero_counts_from_its_first_frame(tmp_path: Path) -> None:
    times_s = [7.0 + index / 30 for index in range(30)]
    path = write_video(tmp_path / "video.mkv", barcode_frames(30), times_s=times_s)

    assert shown(read_windows(path, SPEC)) == [SHOWN_AT_30_HZ]
    assert shown(read_windows(path, SPEC, start_s=0.5)) == [[18, 26, 29, 29]]


def test_short_video_is_padded_with_its_last_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4", barcode_frames(2))

    video = read_windows(path, SPEC)

    assert shown(video) == [[1, 1, 1, 1]]
    assert video.spans[0].num_padded_frames == 4


@pytest.mark.parametrize("degrees", [0, 90, 180, -90])
def test_rotation_metadata_is_applied(tmp_path: Path, degrees: int) -> None:
    stored = barcode_frames(30, height_px=64, width_px=96)
    path = write_video(tmp_path / "video.mov", stored, rotation_degrees=degrees)

    video = read_windows(path, SPEC)

    assert video.info.rotation_degrees == degrees % 360
    is_upright = degrees in (0, 180)
    assert (video.info.width_px, video.info.height_px) == ((96, 64) if is_upright else (64, 96))
    undone = np.rot90(video.windows_NTHWC[0], -degrees // 90, axes=(1, 2))
    assert read_barcodes(undone) == SHOWN_AT_30_HZ


def test_stretch_keeps_the_whole_picture_and_crop_its_center_square(tmp_path: Path) -> None:
    frames = np.zeros((5, 64, 128, 3), np.uint8)
    frames[:, :, :32] = (255, 0, 0)  # left and right quarters, which a crop loses
    frames[:, :, 96:] = (0, 0, 255)
    path = write_video(tmp_path / "video.mp4", frames)

    stretched, cropped = (
        read_windows(path, SPEC.model_copy(update={"resize": resize})).windows_NTHWC[0, 0]
        for resize in ("stretch", "crop")
    )

    assert stretched[32, 4].tolist() == pytest.approx([255, 0, 0], abs=6)
    assert stretched[32, -4].tolist() == pytest.approx([0, 0, 255], abs=6)
    assert cropped[:, 4:-4].max() < 10


@pytest.mark.parametrize("height_px", [64, 96])
def test_crop_of_a_tall_picture_is_square(tmp_path: Path, height_px: int) -> None:
    frames = barcode_frames(5, height_px=height_px, width_px=48)
    path = write_video(tmp_path / "video.mp4", frames)

    video = read_windows(path, SPEC.model_copy(update={"resize": "crop"}))

    assert video.windows_NTHWC.shape == (1, 4, 64, 64, 3)


COLORS = np.array([(255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 255, 0), (200, 120, 40)], np.uint8)


def color_bars(colors: NDArray[np.uint8] = COLORS) -> NDArray[np.uint8]:
    bars_HWC = np.repeat(np.repeat(colors[None], 64, axis=0), 64, axis=1)
    return np.repeat(bars_HWC[None], 4, axis=0)


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuvj420p", "yuv444p"])
def test_limited_and_full_range_show_the_same_colors(tmp_path: Path, pix_fmt: str) -> None:
    path = write_video(tmp_path / "v.mp4", color_bars(), pix_fmt=pix_fmt, options={"crf": "4"})

    picture = read_windows(path, ClipSpec(num_frames=2, size_px=80)).windows_NTHWC[0, 0]

    # Two grey levels of rounding in the codec, two in the conversion.
    assert np.abs(picture[40, 8::16].astype(int) - COLORS).max() <= 4


def test_grey_video_has_three_equal_channels(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", barcode_frames(30), pix_fmt="gray")

    frames_THWC = read_windows(path, SPEC).windows_NTHWC[0]

    assert read_barcodes(frames_THWC) == SHOWN_AT_30_HZ
    assert np.ptp(frames_THWC.astype(int), axis=-1).max() == 0


def test_audio_beside_the_video_is_ignored(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", barcode_frames(30), with_audio=True)

    video = read_windows(path, SPEC)

    assert shown(video) == [SHOWN_AT_30_HZ]
    assert video.info.duration_s == pytest.approx(1.0)


def test_more_threads_give_the_same_bytes(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", barcode_frames(30), options={"slices": "2"})

    one, two = (read_windows(path, SPEC, num_threads=count) for count in (1, 2))

    assert np.array_equal(one.windows_NTHWC, two.windows_NTHWC)


def test_frames_are_scaled_as_video_is(tmp_path: Path) -> None:
    frames_THWC = np.random.default_rng(0).integers(0, 256, (30, 96, 128, 3), dtype=np.uint8)
    path = write_video(tmp_path / "v.avi", frames_THWC, codec="rawvideo", pix_fmt="bgr24")

    video = read_windows(path, SPEC)

    frames = frames_to_windows(frames_THWC, SPEC, frame_rate_hz=30)
    assert np.array_equal(video.windows_NTHWC, frames.windows_NTHWC)


def test_matroska_that_ends_early_is_a_shorter_video(tmp_path: Path) -> None:
    data = write_video(tmp_path / "v.mkv", barcode_frames(60)).read_bytes()

    video = read_windows(BytesIO(data[: len(data) * 6 // 10]), SPEC)

    assert 2 <= video.info.num_frames < 60
    assert shown(video)[0][0] == 3


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_metadata_that_is_not_utf8_does_no_harm(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"titled.{suffix}"
    write_video(path, barcode_frames(8), codec="mpeg4", title="TITLE")
    path.write_bytes(path.read_bytes().replace(b"TITLE", b"T\xeftr\xe9"))  # Latin-1

    video = read_windows(path, SPEC)

    assert video.info.num_frames == 8
