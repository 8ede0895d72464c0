"""What the service answers to real files of foreign encoders."""

from pathlib import Path

import httpx
import pytest

from tests.app.posting import assert_problem, post_clip


@pytest.mark.parametrize(
    ("name", "codec", "size_px", "num_frames", "duration_s", "num_windows"),
    [
        ("driver_phone_right.gif", "gif", (600, 339), 50, 3.0, 1),
        ("asl_eat.mkv", "h264", (640, 480), 47, 1.566, 1),
        ("asl_book.mkv", "h264", (640, 480), 109, 3.633, 1),
        ("asl_milk.mkv", "h264", (640, 480), 51, 1.7, 1),
        ("nasa_multistream_h264.mp4", "h264", (480, 270), 390, 13.013, 4),
        ("h265_8bit.mp4", "hevc", (128, 128), 10, 1.0, 1),
        ("pancake_h264.mkv", "h264", (426, 240), 310, 10.333, 3),
        ("rotated_90.mov", "h264", (320, 568), 3, 0.1, 1),
    ],
)
def test_sample_is_answered(
    client: httpx.Client,
    samples_dir: Path,
    name: str,
    codec: str,
    size_px: tuple[int, int],
    num_frames: int,
    duration_s: float,
    num_windows: int,
) -> None:
    answer = post_clip(client, samples_dir / name).json()

    media = answer["media"]
    assert (media["codec"], media["num_frames"]) == (codec, num_frames)
    assert (media["width_px"], media["height_px"]) == size_px
    assert media["duration_s"] == pytest.approx(duration_s, abs=0.002)  # Matroska rounds times
    assert len(answer["windows"]) == num_windows
    assert sum(item["probability"] for item in answer["clip"]["activities"]) == pytest.approx(1)


def test_sample_with_rotation_metadata_is_turned(client: httpx.Client, samples_dir: Path) -> None:
    media = post_clip(client, samples_dir / "rotated_90.mov").json()["media"]

    assert media["rotation_degrees"] % 180 == 90


def test_short_sample_is_padded_and_says_so(client: httpx.Client, samples_dir: Path) -> None:
    (window,) = post_clip(client, samples_dir / "h265_8bit.mp4").json()["windows"]

    assert window["num_padded_frames"] == 3  # of 4 instants only the first lies within 1 s


def test_corrupted_sample_is_refused(client: httpx.Client, samples_dir: Path) -> None:
    problem = assert_problem(
        post_clip(client, samples_dir / "corrupted.mp4"), 422, "undecodable_media"
    )

    assert "decoding stopped at" in problem["detail"]


def test_sample_that_is_text_is_refused(client: httpx.Client, samples_dir: Path) -> None:
    assert_problem(post_clip(client, samples_dir / "README.md"), 415, "unsupported_media")
