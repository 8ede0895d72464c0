from dataclasses import replace
from pathlib import Path
from unittest.mock import create_autospec

import pytest

from app.headstarts import HeadStart
from app.lengths import FIRST_BYTES_PER_S, LengthEstimator
from app.uploads import Upload, UploadKind
from tests.media import barcode_frames, write_video
from tests.model_factory import TINY_SPEC as SPEC


def upload(kind: UploadKind, *blobs: bytes | Path, num_bytes: int = 1) -> Upload:
    return Upload(kind=kind, blobs=blobs, num_bytes=num_bytes)


def estimate_s(found: Upload, *, frame_rate_hz: float | None = None, max_s: float = 120) -> float:
    return LengthEstimator(max_s=max_s).estimate_s(found, SPEC, frame_rate_hz=frame_rate_hz)


@pytest.mark.parametrize("is_on_disk", [True, False])
def test_mp4_is_as_long_as_it_says(tmp_path: Path, is_on_disk: bool) -> None:
    path = write_video(tmp_path / "clip.mp4", barcode_frames(50), frame_rate_hz=10)

    found = upload("video", path if is_on_disk else path.read_bytes())

    assert estimate_s(found) == pytest.approx(5, abs=0.11)
    assert estimate_s(found, max_s=2) == 2


def test_other_videos_have_the_bit_rate_of_those_before() -> None:
    estimator = LengthEstimator(max_s=120)
    found = upload("video", b"no header", num_bytes=10 * int(FIRST_BYTES_PER_S))

    first_s = estimator.estimate_s(found, SPEC, frame_rate_hz=None)
    for _ in range(100):
        estimator.learn(found, 2.0)

    assert first_s == 10
    assert estimator.estimate_s(found, SPEC, frame_rate_hz=None) == pytest.approx(2, rel=0.01)


def test_what_was_decoded_during_the_upload_is_not_counted() -> None:
    head_start = create_autospec(HeadStart, share_left=0.25)
    found = replace(upload("video", b"", num_bytes=int(FIRST_BYTES_PER_S)), head_start=head_start)

    assert estimate_s(found) == 0.25


def test_frames_without_a_rate_fill_a_window() -> None:
    assert estimate_s(upload("images", b"a", b"b")) == SPEC.window_s
    assert estimate_s(upload("npy", b"a")) == SPEC.window_s


def test_frames_with_a_rate_are_counted() -> None:
    picture_bytes = 3 * SPEC.size_px**2

    assert estimate_s(upload("images", b"a", b"b"), frame_rate_hz=4) == 0.5
    assert estimate_s(upload("npy", b"", num_bytes=8 * picture_bytes), frame_rate_hz=4) == 2
