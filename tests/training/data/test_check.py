from dataclasses import replace
from pathlib import Path

import pytest

from models.spec import ClipSpec
from models.video.signatures import CONTAINER_FORMATS
from tests.media import barcode_frames, write_video
from training.data.check import count_faults, find_faults
from training.data.examples import Example
from training.data.media import VideoSpan

SPEC = ClipSpec(num_frames=4, size_px=32, window_s=1.0)
ACCEPTED = ", ".join(CONTAINER_FORMATS)


@pytest.fixture
def good(tmp_path: Path) -> Example:
    path = write_video(tmp_path / "good.mp4", barcode_frames(10), frame_rate_hz=10)
    return Example(
        media=VideoSpan(path=path), label="eating", subject="anna", view="roof", split="test"
    )


def faults(*examples: Example) -> list[tuple[str, str]]:
    found = find_faults(examples, SPEC, num_workers=1, progress=lambda done, total: None)
    return [(finding.fault, finding.reason) for finding in found]


def test_faults_are_told_apart(good: Example, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a video")
    path = good.media.files[0]
    missing, corrupt, too_short, short = (
        replace(good, media=media)
        for media in (
            VideoSpan(path=tmp_path / "none.mp4"),
            VideoSpan(path=broken),
            VideoSpan(path=path, start_s=0.5, stop_s=0.6),
            VideoSpan(path=path, start_s=0.5, stop_s=0.8),
        )
    )

    assert faults(missing, good, corrupt, too_short, short) == [
        ("missing", f"no file {tmp_path / 'none.mp4'}"),
        (
            "corrupt",
            "file starts with b'not a vi', accepted are mov, matroska, avi, gif, mpegts, mpeg",
        ),
        ("too short", "video has 1 frames, needs at least 2"),
        ("short", "has 3 frames, a clip shows 4"),
    ]


def test_good_data_has_no_faults(good: Example) -> None:
    assert faults(good) == []


def test_every_fault_is_counted(good: Example, tmp_path: Path) -> None:
    missing = replace(good, media=VideoSpan(path=tmp_path / "none.mp4"))

    findings = find_faults([missing] * 3, SPEC, num_workers=1, progress=lambda done, total: None)

    assert count_faults(findings) == {"missing": 3, "corrupt": 0, "too short": 0, "short": 0}
