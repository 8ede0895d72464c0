"""The file of API keys: one JSON object a line, each an `ApiKey`."""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from app.access.keys import ApiKey
from models.errors import DriverActivityError
from models.faults import word_faults

Keys = tuple[ApiKey, ...]


class InvalidKeyFileError(DriverActivityError):
    """The file of keys is not there, or not what it should be."""


def read_keys(path: Path) -> Keys:
    """Return the keys of a file, in their order.

    Raises:
        InvalidKeyFileError: If it cannot be read, or is wrong: names the first wrong line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as exc:
        raise InvalidKeyFileError(f"{path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise InvalidKeyFileError(f"{path}: not UTF-8") from exc
    keys = tuple(_parse(path, number, line) for number, line in enumerate(lines, start=1) if line)
    if len({key.name for key in keys}) < len(keys):
        raise InvalidKeyFileError(f"{path}: two keys have the same name")
    return keys


def _parse(path: Path, number: int, line: str) -> ApiKey:
    try:
        return ApiKey.model_validate_json(line)
    except ValidationError as exc:
        faults = "; ".join(word_faults(exc, whole="line"))
        raise InvalidKeyFileError(f"{path}, line {number}: {faults}") from exc


def edit_keys(path: Path, change: Callable[[Keys], Keys]) -> None:
    """Replace the file as a whole, so that nobody ever reads half of it; a new one is made.

    Args:
        path: The file, in a folder that is there.
        change: Makes the new keys of the old ones; two edits never overlap.

    Raises:
        InvalidKeyFileError: If the folder is not there, or the old file is wrong.
    """
    with _lock(path.parent):
        keys = read_keys(path) if path.exists() else ()
        _replace(path, change(keys))


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as exc:
        raise InvalidKeyFileError(f"{folder}: {exc.strerror}") from exc
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(path: Path, keys: Iterable[ApiKey]) -> None:
    # Readable and writable for its owner only, from the first byte on.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(f"{key.model_dump_json(exclude_none=True)}\n" for key in keys)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise
