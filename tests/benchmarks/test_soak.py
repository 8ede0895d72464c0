from pathlib import Path

from benchmarks.soak import measure_soak, plot_soak, render_soak
from tests.media import barcode_frames, write_video


def test_soak_counts_what_became_of_requests_and_watches_memory(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", barcode_frames(90))

    result = measure_soak(clip.read_bytes(), folder=tmp_path, duration_s=6)
    plot_soak(result, tmp_path / "soak.png")

    assert result["num_answers"] > 0
    assert result["num_failed"] == 0
    assert len(result["memory_mb"]) == len(result["minutes"]) >= 2
    assert f"{result['num_answers']} answers" in render_soak(result)
    assert (tmp_path / "soak.png").read_bytes().startswith(b"\x89PNG")
