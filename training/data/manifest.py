"""Any clips, listed in one CSV file."""

import math
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from models.video.sampling import SampleGrid
from training.data.examples import DataError, Example
from training.data.media import VideoSpan
from training.data.tables import Row, read_rows

COLUMNS = ("path", "start_s", "end_s", "label", "subject", "view", "split")
"""Columns of a manifest; an empty `start_s` is 0, an empty `end_s` the end of the file."""

_SPAN = TypeAdapter(VideoSpan)
_EXAMPLE = TypeAdapter(Example)


def read_manifest(path: Path, *, window_s: float) -> list[Example]:
    """Read the examples of a manifest; its paths are relative to its own folder.

    A span that is longer than a window gives an example for every window that it covers half of or
    more, as the service answers it. A span that ends with its file gives one, at its start.

    Args:
        path: The CSV file.
        window_s: Length of a window, in seconds.

    Raises:
        DataError: If the file is missing, has other columns, or a row is malformed; names the line.
    """
    return [
        example
        for row in read_rows(path, COLUMNS)
        for example in _read_row(row, path.parent, window_s=window_s)
    ]


def _cut(span: VideoSpan, *, window_s: float) -> list[VideoSpan]:
    """Return the windows of a span that has an end, or else the span itself."""
    if span.stop_s is None or span.stop_s == math.inf:
        return [span]
    grid = SampleGrid(offsets_s=(0.0,), window_s=window_s, stride_s=window_s)
    starts_s = [
        span.start_s + index * window_s
        for index in range(grid.num_windows(span.stop_s - span.start_s))
    ]
    return [
        replace(span, start_s=start_s, stop_s=min(start_s + window_s, span.stop_s))
        for start_s in starts_s
    ]


def _read_row(row: Row, folder: Path, *, window_s: float) -> list[Example]:
    values = row.values
    place = {
        "path": folder / values["path"],
        "start_s": values["start_s"] or 0.0,
        "stop_s": values["end_s"] or None,
    }
    facts = {name: values[name] for name in ("label", "subject", "view", "split")}
    try:
        span = _SPAN.validate_python(place)
        example = _EXAMPLE.validate_python(facts | {"media": span})
    except ValidationError as exc:
        raise DataError(f"{row.place}: {exc}") from exc
    stop_s = math.inf if span.stop_s is None else span.stop_s
    if not 0 <= span.start_s < stop_s:
        raise DataError(f"{row.place}: needs 0 <= start_s < end_s")
    return [replace(example, media=window) for window in _cut(span, window_s=window_s)]
