"""Opens files below one folder, and none that lie elsewhere."""

import os
import stat
from pathlib import Path

from models.errors import ForeignFileError


def read_inside(path: Path, *, root: Path, max_bytes: int) -> bytes:
    """Return the bytes of a regular file below a folder; waits for no pipe or device.

    Symbolic links are followed as long as they stay inside; one that takes the file's place between
    the check and the opening is not.

    Args:
        path: The file, below the folder.
        root: The folder.
        max_bytes: Largest file that is read.

    Raises:
        OSError: If it cannot be read.
        ForeignFileError: If it leads out of the folder, is no regular file, or is too large.
    """
    name = path.relative_to(root)
    real = Path(os.path.realpath(path, strict=True))
    if not real.is_relative_to(root.resolve()):
        raise ForeignFileError(f"{name} leads out of the folder of models")
    descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ForeignFileError(f"{name} is no regular file")
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ForeignFileError(f"{name} has more than {max_bytes} bytes, the most that are read")
    return content
