"""MP4 and MOV files taken apart and put together again, box by box."""

import struct
from pathlib import Path

END_OF_ALIAS = 0xFFFF
ABSOLUTE_PATH = 2
TO_REFERENCES = (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref")


def make_box(kind: bytes, *parts: bytes) -> bytes:
    """Return a box."""
    content = b"".join(parts)
    return struct.pack(">I", 8 + len(content)) + kind + content


def find_box(data: bytes, *kinds: bytes) -> tuple[int, int]:
    """Return start and stop of the first box of a kind, sought in the first of the kind before."""
    start = 0
    for kind in kinds:
        start = data.index(kind, start) - 4
        stop = start + int(struct.unpack_from(">I", data, start)[0])
        start += 8
    return start - 8, stop


def replace_box(data: bytes, path: tuple[bytes, ...], new: bytes) -> bytes:
    """Return a file with another box instead of the one at the end of the whole path to it.

    The boxes around it get their new sizes; offsets into the file are left as they are.
    """
    start, stop = find_box(data, *path)
    changed = bytearray(data[:start] + new + data[stop:])
    for depth in range(1, len(path)):
        outer, _ = find_box(data, *path[:depth])
        size = struct.unpack_from(">I", data, outer)[0] + len(new) - (stop - start)
        struct.pack_into(">I", changed, outer, size)
    return bytes(changed)


def repeat_track(data: bytes, num_tracks: int) -> bytes:
    """Return a file whose first track is there many times."""
    start, stop = find_box(data, b"moov", b"trak")
    return replace_box(data, (b"moov", b"trak"), data[start:stop] * num_tracks)


def refer_to(data: bytes, path: Path) -> bytes:
    """Return a file whose pictures lie in another file, by a Macintosh alias; its own are gone."""
    name = str(path).encode()
    name += bytes(len(name) % 2)
    alias = b"".join(
        [
            bytes(4 + 130),  # version, and the names of a volume and a file
            struct.pack(">hh", -1, -1),
            bytes(16),
            struct.pack(">HH", ABSOLUTE_PATH, len(name)),
            name,
            struct.pack(">HH", END_OF_ALIAS, 0),
        ]
    )
    references = make_box(b"dref", struct.pack(">II", 0, 1), make_box(b"alis", alias))
    start, stop = find_box(data, b"mdat")
    emptied = data[: start + 8] + bytes(stop - start - 8) + data[stop:]
    return replace_box(emptied, TO_REFERENCES, references)
