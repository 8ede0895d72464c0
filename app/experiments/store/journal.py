"""Lines that wait for the database, in files that outlive the process.

A line that was appended is in the hands of the operating system: it is there after the process is
killed, though perhaps not after the machine lost its power. Each process appends to files of its
own, which it locks; files that nobody locks are those of processes that have ended, and are taken
over by the next one that starts.
"""

import fcntl
import io
import os
import threading
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PATTERN = "journal-*.jsonl"
READ_BYTES = 1024 * 1024
"""Read at once; longer lines are not accepted."""

ROTATE_BYTES = 4 * 1024 * 1024
"""A file of which so much has been taken out is not appended to any longer."""


class JournalFullError(Exception):
    """The line would make the journal larger than it may be."""


class JournalClosedError(Exception):
    """The journal takes no lines any more."""


@dataclass
class JournalFile:
    """A file of lines, locked by this process.

    Attributes:
        path: Where it is.
        descriptor: The open file.
        size: Length in bytes, up to the end of the last whole line.
        num_lines: Whole lines.
    """

    path: Path
    descriptor: int
    size: int = 0
    num_lines: int = 0

    @classmethod
    def create(cls, folder: Path) -> Self:
        """Make a new file.

        Raises:
            OSError: If that is not possible.
        """
        while True:  # until nobody took it for one that was left over, before it was locked
            path = folder / PATTERN.replace("*", uuid.uuid4().hex)
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            if _lock(descriptor):
                return cls(path, descriptor)
            os.close(descriptor)

    @classmethod
    def adopt(cls, path: Path) -> Self | None:
        """Take over a file, unless another process has it, or has just removed it."""
        try:
            descriptor = os.open(path, os.O_RDWR)
        except OSError:
            return None
        if not _lock(descriptor):
            os.close(descriptor)
            return None
        return cls(path, descriptor, *_measure(descriptor))

    def append(self, line: bytes) -> None:
        """Write a line at the end: all of it or, if an OSError is raised, nothing."""
        num_written = os.write(self.descriptor, line)
        if num_written < len(line):
            os.ftruncate(self.descriptor, self.size)
            raise OSError(f"only {num_written} of {len(line)} bytes were written")
        self.size += num_written
        self.num_lines += 1

    def read(self, start: int, *, max_lines: int) -> Sequence[bytes]:
        """Return whole lines from a position on, which together are at most READ_BYTES long."""
        data = os.pread(self.descriptor, min(READ_BYTES, self.size - start), start)
        stop = data.rfind(b"\n") + 1 or len(data)  # a longer line is read in pieces, all invalid
        return io.BytesIO(data[:stop]).readlines()[:max_lines]

    def truncate(self) -> None:
        """Make it empty."""
        os.ftruncate(self.descriptor, 0)
        self.size = self.num_lines = 0

    def close(self) -> None:
        """Unlock it, for another process to take over."""
        os.close(self.descriptor)

    def remove(self) -> None:
        """Delete it, while it is locked."""
        self.path.unlink(missing_ok=True)
        self.close()


def _lock(descriptor: int) -> bool:
    """Lock a file; False if somebody else has, or if it has been deleted."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return os.fstat(descriptor).st_nlink > 0


def _measure(descriptor: int) -> tuple[int, int]:
    """Return the bytes and the number of whole lines of a file."""
    size = num_lines = position = 0
    for data in _read_all(descriptor):
        if found := data.count(b"\n"):
            size = position + data.rfind(b"\n") + 1
            num_lines += found
        position += len(data)
    return size, num_lines


def _read_all(descriptor: int) -> Iterator[bytes]:
    position = 0
    while data := os.pread(descriptor, READ_BYTES, position):
        yield data
        position += len(data)


class Journal:
    """A queue of lines: many threads append, one reads and takes out.

    Attributes:
        appended_bytes: Bytes that ever came in, those of files that were taken over included.
        taken_bytes: Bytes of them that were taken out.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        """Take over what ended processes left in the folder, and make a file of its own.

        Raises:
            OSError: If that is not possible.
        """
        own = JournalFile.create(folder)
        adopted = (JournalFile.adopt(path) for path in folder.glob(PATTERN) if path != own.path)
        self._files = deque([*(file for file in adopted if file is not None), own])
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._is_open = True
        self._start = 0
        self.appended_bytes = sum(file.size for file in self._files)
        self.taken_bytes = 0
        self._num_appended = sum(file.num_lines for file in self._files)
        self._num_taken = 0

    @property
    def waiting_bytes(self) -> int:
        """Bytes that were not taken out yet."""
        return self.appended_bytes - self.taken_bytes

    @property
    def num_waiting(self) -> int:
        """Lines that were not taken out yet."""
        return self._num_appended - self._num_taken

    def append(self, line: bytes) -> None:
        """Add a line, which ends with a newline.

        Raises:
            JournalClosedError: If the journal is closed.
            JournalFullError: If it would be too large.
            OSError: If the file cannot be written, such as on a full disk.
            ValueError: If the line is longer than is ever read at once.
        """
        if len(line) > READ_BYTES:
            raise ValueError(f"line has {len(line)} bytes, accepted are at most {READ_BYTES}")
        with self._lock:
            if not self._is_open:
                raise JournalClosedError
            if self.waiting_bytes + len(line) > self._max_bytes:
                raise JournalFullError
            self._files[-1].append(line)
            self.appended_bytes += len(line)
            self._num_appended += 1

    def read(self, *, max_lines: int) -> Sequence[bytes]:
        """Return the next lines, without taking them out; none if nothing waits."""
        while not (lines := self._files[0].read(self._start, max_lines=max_lines)):
            if len(self._files) == 1:
                return ()
            self._drop_first()
        return lines

    def take(self, lines: Sequence[bytes]) -> None:
        """Take out lines that were read."""
        num_bytes = sum(map(len, lines))
        self._start += num_bytes
        with self._lock:
            self.taken_bytes += num_bytes
            self._num_taken += len(lines)
            if len(self._files) == 1 and self._start == self._files[0].size < ROTATE_BYTES:
                self._files[0].truncate()
                self._start = 0
        if len(self._files) == 1 and self._start >= ROTATE_BYTES:
            self._rotate()

    def close(self) -> None:
        """Take no more lines; those that wait can still be read."""
        with self._lock:
            self._is_open = False

    def release(self) -> None:
        """Remove the files that are done with, and leave the others to the next process."""
        for file in self._files:
            is_done = file is self._files[0] and self._start == file.size
            file.remove() if is_done or not file.size else file.close()

    def _rotate(self) -> None:
        """Append to a new file from now on; on a full disk, to the old one."""
        with suppress(OSError):
            file = JournalFile.create(self._folder)
            with self._lock:
                self._files.append(file)

    def _drop_first(self) -> None:
        self._files.popleft().remove()
        self._start = 0
