from pathlib import Path

import numpy as np
import pytest

from models.spec import ClipSpec
from models.video.decode import read_windows
from models.video.windows import DecodeMode
from tests.media import barcode_frames, write_video
from training.data.cache import DecodedClips, decode_examples
from training.data.examples import Example
from training.data.media import VideoSpan

SPEC = ClipSpec(num_frames=4, size_px=32, window_s=1.0)


def make_example(path: Path, *, start_s: float = 0.0, stop_s: float | None = None) -> Example:
    return Example(
        media=VideoSpan(path=path, start_s=start_s, stop_s=stop_s),
        label="eating",
        subject="anna",
        view="roof",
        split="test",
    )


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "video.mp4"
    write_video(path, barcode_frames(30, height_px=64, width_px=96), frame_rate_hz=10)
    return path


def decode(
    examples: list[Example], folder: Path, *, num_workers: int = 1, mode: DecodeMode = "exact"
) -> DecodedClips:
    return decode_examples(
        examples,
        SPEC,
        folder,
        num_workers=num_workers,
        progress=lambda done, total: None,
        mode=mode,
    )


def test_evaluation_item_is_bit_equal_to_what_the_service_reads(video: Path) -> None:
    clips = decode([make_example(video)], video.parent / "clips")

    with video.open("rb") as upload:
        served = read_windows(upload, SPEC)
    assert np.array_equal(clips.clips_NTHWC[0], served.windows_NTHWC[0])


def test_clips_keep_the_order_of_their_examples(video: Path) -> None:
    examples = [make_example(video, start_s=start, stop_s=start + 1) for start in (2.0, 0.0, 1.0)]

    clips = decode(examples, video.parent / "clips", num_workers=2)

    assert clips.examples == tuple(examples)
    for start_s, clip_THWC in zip((2.0, 0.0, 1.0), clips.clips_NTHWC, strict=True):
        alone = read_windows(video, SPEC, start_s=start_s, stop_s=start_s + 1)
        assert np.array_equal(clip_THWC, alone.windows_NTHWC[0])


def test_decoded_clips_are_mapped_and_not_decoded_again(video: Path) -> None:
    folder = video.parent / "clips"
    decode([make_example(video)], folder)
    (before,) = (path.stat().st_mtime_ns for path in folder.glob("*.npy"))

    clips = decode([make_example(video)], folder)

    assert isinstance(clips.clips_NTHWC, np.memmap)
    assert [path.stat().st_mtime_ns for path in folder.glob("*.npy")] == [before]


def test_clips_of_the_fast_mode_are_those_that_the_service_reads_in_it(video: Path) -> None:
    folder = video.parent / "clips"
    decode([make_example(video)], folder)

    clips = decode([make_example(video)], folder, mode="fast")

    served = read_windows(video, SPEC, mode="fast")
    assert np.array_equal(clips.clips_NTHWC[0], served.windows_NTHWC[0])
    assert len(list(folder.glob("*.npy"))) == 2


def test_video_that_changed_is_decoded_again(video: Path) -> None:
    folder = video.parent / "clips"
    decode([make_example(video)], folder)
    write_video(video, 255 - barcode_frames(30, height_px=64, width_px=96), frame_rate_hz=10)

    clips = decode([make_example(video)], folder)

    assert np.array_equal(clips.clips_NTHWC[0], read_windows(video, SPEC).windows_NTHWC[0])


def test_clips_that_another_process_has_mapped_stay_as_they_are(video: Path) -> None:
    folder = video.parent / "clips"
    mapped = decode([make_example(video)], folder)
    inode = (folder / f"{mapped.fingerprint}.npy").stat().st_ino
    (folder / f"{mapped.fingerprint}.json").unlink()

    again = decode([make_example(video)], folder)

    assert (folder / f"{mapped.fingerprint}.npy").stat().st_ino != inode
    assert np.array_equal(mapped.clips_NTHWC, again.clips_NTHWC)


def test_missing_video_is_reported_and_never_replaced(video: Path) -> None:
    missing = make_example(video.with_name("none.mp4"))

    clips = decode([missing, make_example(video)], video.parent / "clips")

    assert clips.examples == (make_example(video),)
    assert len(clips.clips_NTHWC) == 1
    assert list(clips.failures) == [str(missing.media)]
