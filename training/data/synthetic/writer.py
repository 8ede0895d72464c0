"""Write what was filmed: H.264 videos and the CSVs of the Drive&Act layout.

Shapes: `T` frames, `H` `W` pixels.
"""

import csv
import os
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

_CRF = "20"


@dataclass(frozen=True)
class ChunkRow:
    """One row of a Drive&Act CSV, fields in the order of its columns; frame_end is exclusive."""

    participant_id: int
    file_id: str
    annotation_id: int
    frame_start: int
    frame_end: int
    activity: str
    chunk_id: int


def write_rows(path: Path, rows: Iterable[ChunkRow]) -> None:
    """Write a split's CSV with its header, replacing the file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(ChunkRow)])
        writer.writerows(astuple(row) for row in rows)
    os.replace(part, path)


def write_video(path: Path, clips: Iterable[NDArray[np.uint8]], *, frame_rate_hz: int) -> None:
    """Encode clips (T, H, W, 3) one after the other, each starting with a key frame.

    The video takes its name only when it is complete.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with av.open(str(part), "w", format="mp4") as container:
        stream: av.VideoStream | None = None
        for frames_THWC in clips:
            stream = stream or _add_stream(container, frames_THWC, frame_rate_hz)
            for picture in frames_THWC:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        if stream is not None:
            container.mux(stream.encode(None))
    os.replace(part, path)


def _add_stream(
    container: av.container.OutputContainer, frames_THWC: NDArray[np.uint8], frame_rate_hz: int
) -> av.VideoStream:
    num_frames, height, width, _ = frames_THWC.shape
    # Key frames at a fixed distance fall on the starts of the clips. With one thread and without
    # x264's macroblock tree, which for pictures of a few blocks reads memory that nobody has
    # written, the same pictures always give the same bytes.
    params = f"keyint={num_frames}:min-keyint={num_frames}:scenecut=0:open-gop=0:mbtree=0"
    options = {"crf": _CRF, "preset": "veryfast", "threads": "1", "x264-params": params}
    stream = container.add_stream("libx264", rate=Fraction(frame_rate_hz), options=options)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    return stream
