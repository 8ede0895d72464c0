from pathlib import Path
from typing import Any

import pytest

from benchmarks.growth import SMOKE, measure_growth, plot_growth, render_growth
from tests.media import barcode_frames, write_video


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("growth")
    clip = write_video(folder / "clip.mp4", barcode_frames(90))
    return measure_growth(clip, folder=folder, growth=SMOKE)


def test_longer_videos_have_more_windows(result: dict[str, Any]) -> None:
    num_windows = {name: row["num_windows"]["median"] for name, row in result["videos"].items()}

    assert num_windows == {
        "3 s, at most 10 windows": 1,
        "3 s, overlapping by half": 2,
        "6 s, at most 10 windows": 2,
        "6 s, overlapping by half": 4,
    }


def test_memory_and_time_are_measured(result: dict[str, Any]) -> None:
    for row in result["videos"].values():
        assert 50 < row["service_peak_mb"]["median"] < 1000
        assert 50 < row["peak_mb"]["median"] < 1000
        assert row["answer_s"]["median"] > 0
    for row in result["registries"].values():
        assert 50 < row["memory_mb"]["median"] < 1000
        assert row["ready_s"]["median"] > 0


def test_section_and_plot_show_every_row(result: dict[str, Any], tmp_path: Path) -> None:
    plot_growth(result, tmp_path / "growth.png")

    section = render_growth(result)
    assert all(f"| {name} |" in section for name in [*result["videos"], *result["registries"]])
    assert (tmp_path / "growth.png").read_bytes().startswith(b"\x89PNG")
