"""Any clips, listed in one CSV file."""

import csv
import math
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from training.data.examples import DataError, Example

COLUMNS = ("path", "start_s", "end_s", "label", "subject", "view", "split")
"""Columns of a manifest; an empty `start_s` is 0, an empty `end_s` the end of the file."""

_EXAMPLE = TypeAdapter(Example)


def read_manifest(path: Path) -> list[Example]:
    """Read the examples of a manifest; its paths are relative to its own folder.

    Raises:
        DataError: If the file is missing, has other columns, or a row is malformed; names the line.
    """
    if not path.is_file():
        raise DataError(f"manifest is missing: {path}")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise DataError(f"{path}: columns are {reader.fieldnames}, must be {list(COLUMNS)}")
        return [_read_row(row, path, reader.line_num) for row in reader]


def _read_row(row: dict[str, str], manifest: Path, line: int) -> Example:
    facts = {
        "path": manifest.parent / row["path"],
        "start_s": row["start_s"] or 0.0,
        "stop_s": row["end_s"] or None,
        **{name: row[name] for name in ("label", "subject", "view", "split")},
    }
    try:
        example = _EXAMPLE.validate_python(facts)
    except ValidationError as exc:
        raise DataError(f"{manifest}, line {line}: {exc}") from exc
    stop_s = math.inf if example.stop_s is None else example.stop_s
    if not 0 <= example.start_s < stop_s:
        raise DataError(f"{manifest}, line {line}: needs 0 <= start_s < end_s")
    return example
