from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.decoders import FLOOR, OURS, Call, Frames, wanted_frames
from benchmarks.decoding import (
    EXACT,
    compare_frames,
    measure_decoding,
    plot_decoding,
    render_decoding,
)
from benchmarks.media import CODINGS, ClipSize, write_clips, write_time_code

SIZE = ClipSize(width_px=160, height_px=96, bits_per_s=200_000)
CODECS = ("H.264", "MPEG-4")


def miss_a_frame(path: Path, wanted: Sequence[int]) -> Call:
    read = OURS[EXACT](path, wanted)
    return lambda: np.roll(read(), 1, axis=0)


def refuse(path: Path, wanted: Sequence[int]) -> Call:
    raise ImportError("no such library")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    film_THWC = np.random.default_rng(0).integers(0, 256, (90, 128, 128, 3), dtype=np.uint8)
    clips = write_clips(
        tmp_path_factory.mktemp("clips"),
        sizes=[SIZE],
        codings={codec: CODINGS[codec] for codec in CODECS},
        film_THWC=film_THWC,
    )
    exact = {EXACT: OURS[EXACT]}  # frames of noise share nothing with the one before
    contestants = {**exact, **FLOOR, "late": miss_a_frame, "missing": refuse}
    return measure_decoding(clips, contestants=contestants, num_rounds=2)


def make_frames(numbers: Sequence[int]) -> Frames:
    frames_THWC = np.full((len(numbers), 112, 112, 3), 100, np.uint8)
    for frame_HWC, number in zip(frames_THWC, numbers, strict=True):
        write_time_code(frame_HWC, number)
    return frames_THWC


def test_wanted_frames_are_those_in_the_middle_of_equal_parts() -> None:
    wanted = wanted_frames(90, frame_rate_hz=30)

    assert len(wanted) == 16
    assert (wanted[0], wanted[1], wanted[-1]) == (2, 8, 87)


def test_frames_that_are_scaled_otherwise_are_accepted() -> None:
    ours_THWC = make_frames([3, 9])

    likeness = compare_frames(ours_THWC - np.uint8(1) * (ours_THWC == 100), ours_THWC)

    assert 0 < likeness.mean_difference_levels < 1
    assert likeness.fault([3, 9]) is None


def test_frames_may_come_a_little_early_where_that_is_said() -> None:
    likeness = compare_frames(make_frames([1, 9]), make_frames([3, 9]))

    assert likeness.fault([3, 9], max_frames_early=2) is None
    assert likeness.fault([3, 9], max_frames_early=1) is not None


def test_other_frames_are_named() -> None:
    likeness = compare_frames(make_frames([3, 10]), make_frames([3, 9]))

    assert likeness.fault([3, 9]) == "gives frames [3, 10], wanted are [3, 9]"


def test_the_right_frames_in_other_colors_are_refused() -> None:
    ours_THWC = make_frames([3, 9])

    likeness = compare_frames(ours_THWC + np.uint8(60) * (ours_THWC == 100), ours_THWC)

    assert likeness.fault([3, 9]) == "frames are off by 55.7 grey levels"


def test_ours_and_the_floor_are_timed_on_every_clip(result: dict[str, Any]) -> None:
    assert [clip["codec"] for clip in result["clips"]] == list(CODECS)
    for clip in result["clips"]:
        assert set(clip["times"]) == {EXACT, "floor"}
        assert clip["over_floor"]["floor"]["ratio"] == 1


def test_who_is_missing_or_gives_other_frames_is_named_and_not_timed(
    result: dict[str, Any],
) -> None:
    left_out = result["clips"][0]["left_out"]

    assert left_out["missing"] == "ImportError: no such library"
    assert left_out["late"].startswith("gives frames [87, 2, 8")


def test_section_has_a_row_for_every_clip_and_says_who_was_left_out(
    result: dict[str, Any],
) -> None:
    section = render_decoding(result)

    assert section.startswith("## Decoding\n")
    assert section.count("| H.264 160x96 |") == 2
    assert "- MPEG-4 160x96: missing: ImportError: no such library" in section


def test_plot_is_a_picture(result: dict[str, Any], tmp_path: Path) -> None:
    plot_decoding(result, tmp_path / "decoding.png")

    assert (tmp_path / "decoding.png").read_bytes().startswith(b"\x89PNG")
