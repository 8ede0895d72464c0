from pathlib import Path
from typing import Any

import pytest

from benchmarks.uploads import (
    CONTAINERS,
    INDEX_LAST,
    SMOKE,
    measure_uploads,
    plot_uploads,
    render_uploads,
)
from tests.media import barcode_frames, write_video


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("uploads")
    clip = write_video(folder / "clip.mp4", barcode_frames(90))
    return measure_uploads(clip, folder=folder, uploads=SMOKE)


def test_every_container_is_answered_after_its_upload(result: dict[str, Any]) -> None:
    (row,) = result["rows"]

    assert list(row["containers"]) == list(CONTAINERS)
    assert row["containers"][INDEX_LAST]["ratio"]["median"] == 1
    for one in row["containers"].values():
        assert one["after_last_byte_ms"]["median"] > 0
        assert one["answer_s"]["median"] > 8e-6 * one["num_bytes"] / row["mbit_per_s"]
        assert one["processor_ms"]["median"] >= 0


def test_section_and_plot_show_every_row(result: dict[str, Any], tmp_path: Path) -> None:
    plot_uploads(result, tmp_path / "uploads.png")

    section = render_uploads(result)
    assert all(f"| 3 s | 2 Mbit/s | {name} |" in section for name in CONTAINERS)
    assert (tmp_path / "uploads.png").read_bytes().startswith(b"\x89PNG")
