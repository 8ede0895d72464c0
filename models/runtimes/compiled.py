"""Networks as an engine compiled them, kept in a folder so that the next start takes less time.

What is kept is read by native code, and no card vouches for it. So the folder, and every file of
it, has to be this user's alone, and a file has to be what was once written under its name.
"""

import hashlib
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

import structlog

from models.errors import UnsafeFolderError

MAX_FILES = 256
"""Most files that are kept: five engines' worth of 50 models. The longest unused go first."""
DIGEST_BYTES = hashlib.sha256().digest_size
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class CompiledFolder:
    """A folder of compiled networks that only this user can write.

    Args:
        path: The folder, which is made unless it is there.

    Raises:
        UnsafeFolderError: If it is no folder, cannot be made, or others can write to it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = structlog.get_logger("driver_activity.models")
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Held open: what takes the place of the folder later is not looked at.
            self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as exc:
            raise UnsafeFolderError(f"{path}: {exc.strerror}") from exc
        if fault := _find_fault(os.fstat(self._descriptor)):
            os.close(self._descriptor)
            raise UnsafeFolderError(f"{path} {fault}")

    def read(self, key: str) -> bytes | None:
        """Return what was kept under a key; None if nothing was, or if it is not that any more.

        Args:
            key: Hexadecimal digits, a hash of all that the compiled network depends on.
        """
        try:
            descriptor = os.open(
                key,
                os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
                dir_fd=self._descriptor,
            )
            with open(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode) or _find_fault(status):
                    return None
                digest, compiled = file.read(DIGEST_BYTES), file.read()
                os.utime(descriptor)  # used now, so that it stays
        except OSError:
            return None
        return compiled if digest == _digest(key, compiled) else None

    def write(self, key: str, compiled: bytes) -> None:
        """Keep a compiled network; where that is not possible, the log says so.

        Args:
            key: As for `read`.
            compiled: What the engine exported.
        """
        unfinished = f"{key}.{secrets.token_hex(8)}"
        try:
            descriptor = os.open(
                unfinished,
                os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                mode=0o600,
                dir_fd=self._descriptor,
            )
            with open(descriptor, "wb") as file:
                file.write(_digest(key, compiled) + compiled)
            os.replace(unfinished, key, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)
            self._remove_unused()
        except OSError as exc:
            self._log.warning("compiled_model_not_kept", folder=str(self.path), reason=exc.strerror)
            with suppress(OSError):
                os.unlink(unfinished, dir_fd=self._descriptor)

    def _remove_unused(self) -> None:
        with os.scandir(self._descriptor) as entries:
            by_age = sorted(entries, key=lambda entry: -entry.stat(follow_symlinks=False).st_mtime)
        for entry in by_age[MAX_FILES:]:
            os.unlink(entry.name, dir_fd=self._descriptor)


def _find_fault(status: os.stat_result) -> str | None:
    """Return what is wrong with a file or folder that only this user should be able to write."""
    if status.st_uid != os.geteuid():
        return f"belongs to user {status.st_uid}, not to {os.geteuid()}, which serves"
    if status.st_mode & WRITABLE_BY_OTHERS:
        return f"can be written by others: its mode is {stat.S_IMODE(status.st_mode):o}, not 700"
    return None


def _digest(key: str, compiled: bytes) -> bytes:
    return hashlib.sha256(key.encode() + compiled).digest()
