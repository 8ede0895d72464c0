"""Write what was filmed: H.264 videos and the CSVs of the Drive&Act layout.

Shapes: `T` frames, `H` `W` pixels.
"""

import csv
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import astuple, dataclass, fields
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

PART = ".part"
"""Ending of a file that is being written."""


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
    part = path.with_name(path.name + PART)
    with part.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(ChunkRow)])
        writer.writerows(astuple(row) for row in rows)
    os.replace(part, path)


def write_videos(
    paths: Mapping[str, Path],
    clips: Iterable[Mapping[str, NDArray[np.uint8]]],
    *,
    frame_rate_hz: int,
    crfs: Mapping[str, int],
) -> None:
    """Encode what several cameras saw, each to a video of its own.

    The videos take their names only when all are complete.

    Args:
        paths: The files, by view.
        clips: Performance after performance the frames (T, H, W, 3) of every camera that films it;
            each clip starts with a key frame.
        frame_rate_hz: Frames per second.
        crfs: x264's constant rate factor, by view.
    """
    # Named by the process: one that outlives its killed parent disturbs nobody.
    parts = {
        view: path.with_name(f"{path.name}.{os.getpid()}{PART}") for view, path in paths.items()
    }
    with ExitStack() as stack:
        encoders = {
            view: stack.enter_context(_Encoder(part, frame_rate_hz, crfs[view]))
            for view, part in parts.items()
        }
        for seen in clips:
            for view, frames_THWC in seen.items():
                encoders[view].write(frames_THWC)
    for view, part in parts.items():
        os.replace(part, paths[view])


class _Encoder:
    """One H.264 file being written."""

    def __init__(self, path: Path, frame_rate_hz: int, crf: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._container = av.open(str(path), "w", format="mp4")
        self._frame_rate_hz = frame_rate_hz
        self._crf = crf
        self._stream: av.VideoStream | None = None

    def __enter__(self) -> "_Encoder":
        return self

    def __exit__(self, *reason: object) -> None:
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))
        self._container.close()

    def write(self, frames_THWC: NDArray[np.uint8]) -> None:
        """Append a clip; all clips have the shape of the first one."""
        stream = self._stream = self._stream or self._add_stream(frames_THWC.shape)
        for picture in frames_THWC:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            self._container.mux(stream.encode(frame))

    def _add_stream(self, shape: tuple[int, ...]) -> av.VideoStream:
        num_frames, height, width, _ = shape
        # Key frames at a fixed distance fall on the starts of the clips. With one thread and
        # without x264's macroblock tree, which for pictures of a few blocks reads memory that
        # nobody has written, the same pictures always give the same bytes.
        params = f"keyint={num_frames}:min-keyint={num_frames}:scenecut=0:open-gop=0:mbtree=0"
        options = {
            "crf": str(self._crf),
            "preset": "veryfast",
            "threads": "1",
            "x264-params": params,
        }
        rate = Fraction(self._frame_rate_hz)
        stream = self._container.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        return stream
