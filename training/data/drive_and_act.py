"""The Drive&Act benchmark, as its owners hand it out.

Source of the layout: Martin et al., "Drive&Act", ICCV 2019, archive `iccv_activities_3s`.
"""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from training.data.examples import SPLITS, DataError, Example, Split

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
    split_index: int,
    video_suffix: str,
    frame_rate_hz: float,
) -> list[Example]:
    """Read the examples of one official split.

    Args:
        root: Folder that holds `iccv_activities_3s` and one folder of videos a view.
        views: Cameras to read; their examples are joined.
        split_index: 0, 1 or 2.
        video_suffix: Ending of the video files, put behind an annotation's `file_id`.
        frame_rate_hz: Rate in which the annotations count frames.

    Raises:
        DataError: If an annotation file is missing or malformed.
    """
    return [
        _read_row(row, root / view, split, video_suffix, frame_rate_hz)
        for view in views
        for split in SPLITS
        for row in _read_rows(
            annotation_path(root, view=view, split_index=split_index, split=split)
        )
    ]


def _read_rows(path: Path) -> Iterator[dict[str, str]]:
    if not path.is_file():
        raise DataError(f"annotation file is missing: {path}")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise DataError(f"{path}: columns are {reader.fieldnames}, must be {list(COLUMNS)}")
        for row in reader:
            if None in row or None in row.values():
                raise DataError(f"{path}, line {reader.line_num}: needs {len(COLUMNS)} fields")
            yield row


def _read_row(
    row: dict[str, str], videos: Path, split: Split, suffix: str, frame_rate_hz: float
) -> Example:
    try:
        start, stop = int(row["frame_start"]), int(row["frame_end"])
    except ValueError as exc:
        raise DataError(f"annotation {row}: frame numbers must be integers") from exc
    if not 0 <= start < stop:
        raise DataError(f"annotation {row}: needs 0 <= frame_start < frame_end")
    return Example(
        path=videos / f"{row['file_id']}{suffix}",
        start_s=start / frame_rate_hz,
        stop_s=stop / frame_rate_hz,
        label=row["activity"],
        subject=row["participant_id"],
        view=videos.name,
        split=split,
    )
