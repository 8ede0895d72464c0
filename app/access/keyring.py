"""The keys in force: those of the file, which may change while the service runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import structlog

from app.access.file import InvalidKeyFileError, read_keys
from app.access.keys import ApiKey, find_key

POLL_S = 1.0
"""Time between two looks at the file; a change is in force within twice of it."""

Stamp = tuple[int, int, int]


class Keyring:
    """Recognizes keys.

    Args:
        path: The file of keys.

    Raises:
        InvalidKeyFileError: If it cannot be read, is wrong or has no key.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _stamp(path)
        self._keys = read_keys(path)
        self._is_current = True
        self._log = structlog.get_logger("driver_activity.access")
        if not self._keys:
            raise InvalidKeyFileError(f"{path}: has no key")

    @property
    def is_current(self) -> bool:
        """Whether the keys in force are those of the file; not so while the file is broken."""
        return self._is_current

    def find(self, secret: str) -> ApiKey | None:
        """Return the key that a secret belongs to, unless it has expired."""
        key = find_key(self._keys, secret)
        return key if key and key.is_valid_on(datetime.now(UTC).date()) else None

    @asynccontextmanager
    async def watch(self) -> AsyncIterator[None]:
        """Follow the file for the body of the statement."""
        task = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Take over the file's keys if it has changed; those in force stay while it is broken."""
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._keys = read_keys(self._path)
        except InvalidKeyFileError as exc:
            self._is_current = False
            self._log.error("keys_not_read", reason=str(exc))
        else:
            self._is_current = True
            self._log.info("keys_read", num_keys=len(self._keys))


def _stamp(path: Path) -> Stamp | None:
    """Return what changes when the file does, or None without one."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
