"""Any clips, listed in one CSV file."""

import math
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from training.data.examples import DataError, Example
from training.data.media import VideoSpan
from training.data.tables import Row, read_rows

COLUMNS = ("path", "start_s", "end_s", "label", "subject", "view", "split")
"""Columns of a manifest; an empty `start_s` is 0, an empty `end_s` the end of the file."""

_SPAN = TypeAdapter(VideoSpan)
_EXAMPLE = TypeAdapter(Example)


def read_manifest(path: Path) -> list[Example]:
    """Read the examples of a manifest; its paths are relative to its own folder.

    Raises:
        DataError: If the file is missing, has other columns, or a row is malformed; names the line.
    """
    return [_read_row(row, path.parent) for row in read_rows(path, COLUMNS)]


def _read_row(row: Row, folder: Path) -> Example:
    values = row.values
    span = {
        "path": folder / values["path"],
        "start_s": values["start_s"] or 0.0,
        "stop_s": values["end_s"] or None,
    }
    facts = {name: values[name] for name in ("label", "subject", "view", "split")}
    try:
        media = _SPAN.validate_python(span)
        example = _EXAMPLE.validate_python(facts | {"media": media})
    except ValidationError as exc:
        raise DataError(f"{row.place}: {exc}") from exc
    stop_s = math.inf if media.stop_s is None else media.stop_s
    if not 0 <= media.start_s < stop_s:
        raise DataError(f"{row.place}: needs 0 <= start_s < end_s")
    return example
