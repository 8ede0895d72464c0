"""The Drive&Act benchmark, as its owners hand it out.

Source of the layout: Martin et al., "Drive&Act", ICCV 2019, archive `iccv_activities_3s`.
"""

from collections.abc import Sequence
from pathlib import Path

from training.data.examples import SPLITS, DataError, Example, Split
from training.data.media import VideoSpan
from training.data.tables import Row, read_rows

COLUMNS = (
    "participant_id",
    "file_id",
    "annotation_id",
    "frame_start",
    "frame_end",
    "activity",
    "chunk_id",
)
"""Columns of an annotation file; `frame_end` is exclusive."""


def annotation_path(root: Path, *, view: str, split_index: int, split: Split) -> Path:
    """Return the path of one annotation file."""
    folder = root / "iccv_activities_3s" / "activities_3s" / view
    return folder / f"midlevel.chunks_90.split_{split_index}.{split}.csv"


def read_drive_and_act(
    root: Path,
    *,
    views: Sequence[str],
    test_views: Sequence[str],
    split_index: int,
    video_suffix: str,
    frame_rate_hz: float,
) -> list[Example]:
    """Read the examples of one official split.

    Args:
        root: Folder that holds `iccv_activities_3s` and one folder of videos a view.
        views: Cameras to train and validate on; their examples are joined.
        test_views: Cameras to test on: the same, or others.
        split_index: 0, 1 or 2.
        video_suffix: Ending of the video files, put behind an annotation's `file_id`.
        frame_rate_hz: Rate in which the annotations count frames.

    Raises:
        DataError: If an annotation file is missing or malformed.
    """
    return [
        _read_row(row, root / view, split, video_suffix, frame_rate_hz)
        for split in SPLITS
        for view in (test_views if split == "test" else views)
        for row in read_rows(
            annotation_path(root, view=view, split_index=split_index, split=split), COLUMNS
        )
    ]


def _read_row(row: Row, videos: Path, split: Split, suffix: str, frame_rate_hz: float) -> Example:
    values = row.values
    try:
        start, stop = int(values["frame_start"]), int(values["frame_end"])
    except ValueError as exc:
        raise DataError(f"{row.place}: frame numbers must be integers") from exc
    if not 0 <= start < stop:
        raise DataError(f"{row.place}: needs 0 <= frame_start < frame_end")
    return Example(
        media=VideoSpan(
            path=videos / f"{values['file_id']}{suffix}",
            start_s=start / frame_rate_hz,
            stop_s=stop / frame_rate_hz,
        ),
        label=values["activity"],
        subject=values["participant_id"],
        view=videos.name,
        split=split,
    )
