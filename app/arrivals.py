"""A file that is read while it is still being received: both ends of it.

The service writes the file and knows how far it is. A worker reads it, and asks before it goes on
beyond what it was told.
"""

import asyncio
from collections.abc import Callable
from io import FileIO
from pathlib import Path

COMPLETE = 1
"""Set in what a worker is told if no more will come; the number of bytes is in the bits above."""
ALL_BYTES = 2**62
"""To ask for more than there can be is to ask for the end."""


class Arrival:
    """The service's end.

    Attributes:
        path: The file.
        num_bytes: How many bytes of it are there.
        is_complete: Whether that is all.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.num_bytes = 0
        self.is_complete = False
        self._changed = asyncio.Event()

    def grow(self, num_bytes: int) -> None:
        """Take up that so many bytes more have been written."""
        self.num_bytes += num_bytes
        self._changed.set()

    def end(self) -> None:
        """Take up that no more will come."""
        self.is_complete = True
        self._changed.set()

    async def reach(self, num_bytes: int) -> None:
        """Wait until so many bytes are there, or all; one task at a time may."""
        while self.num_bytes < num_bytes and not self.is_complete:
            self._changed.clear()
            await self._changed.wait()


class ArrivingFile(FileIO):
    """A worker's end: reading blocks until there is enough to read.

    It says that it is not seekable, so that FFmpeg reads it in one go, as it does a pipe; who has
    looked at the first bytes may go back to the start all the same.

    Args:
        path: The file.
        ask: Returns how far the file may be read, at least as far as asked unless it ends before,
            and whether it does; see `COMPLETE`.
    """

    def __init__(self, path: Path, ask: Callable[[int], int]) -> None:
        super().__init__(path)
        self._ask = ask
        self._num_known = 0
        self._is_complete = False

    def read(self, size: int | None = -1, /) -> bytes:
        """Return so many bytes, or those up to the end; with -1, all of them."""
        self._wait_for(ALL_BYTES if size is None or size < 0 else self.tell() + size)
        return super().read(size)

    def seekable(self) -> bool:
        """Say no."""
        return False

    def _wait_for(self, num_bytes: int) -> None:
        while self._num_known < num_bytes and not self._is_complete:
            told = self._ask(num_bytes)
            self._num_known, self._is_complete = told >> 1, bool(told & COMPLETE)
