"""Reading the CSV files that list what a data set holds."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.data.examples import DataError


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a table.

    Attributes:
        values: The fields by column.
        place: The file and line it stands in, for messages.
    """

    values: dict[str, str]
    place: str


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a CSV file that has exactly these columns, in this order.

    Raises:
        DataError: If the file is missing, has other columns, or a row has more or fewer fields.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing")
    try:
        yield from _read(path, columns)
    except (UnicodeDecodeError, csv.Error) as exc:
        raise DataError(f"{path} is not a CSV file in UTF-8: {exc}") from exc


def _read(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if list(reader.fieldnames or ()) != list(columns):
            raise DataError(f"{path}: columns are {reader.fieldnames}, must be {list(columns)}")
        for values in reader:
            place = f"{path}, line {reader.line_num}"
            if None in values or None in values.values():
                raise DataError(f"{place}: needs {len(columns)} fields")
            yield Row(values=values, place=place)
