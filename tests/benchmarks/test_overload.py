from pathlib import Path

from benchmarks.overload import measure_overload, plot_overload, render_overload
from tests.media import barcode_frames, write_video


def test_overload_counts_what_is_answered_refused_and_how_health_fares(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", barcode_frames(90))

    result = measure_overload(clip.read_bytes(), folder=tmp_path, duration_s=5)
    plot_overload(result, tmp_path / "overload.png")

    assert result["num_answers"] > 0
    assert result["num_refused"] > 0
    assert 0 < result["useful_ratio"] <= 1.5
    assert result["live_s"]["median"] > 0
    assert f"{result['num_refused']} are refused" in render_overload(result)
    assert (tmp_path / "overload.png").read_bytes().startswith(b"\x89PNG")
