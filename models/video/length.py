"""How long a video says it is, read from its header without FFmpeg.

What a header says is a claim: good enough to queue by, never to allocate by. Layout of MP4 and MOV
files: ISO/IEC 14496-12, sections 4.2 (boxes) and 8.2.2 (movie header).
"""

import struct
from typing import BinaryIO

MAX_BOXES = 64
"""Boxes looked at on one level; files of real cameras have fewer than ten."""


def stated_length_s(file: BinaryIO) -> float | None:
    """Return what an MP4 or MOV file says of its length, > 0; None if it, or another, says nothing.

    Args:
        file: Seekable; its position is moved.
    """
    size = file.seek(0, 2)
    try:
        movie = _find_box(file, b"moov", 0, size)
        header = movie and _find_box(file, b"mvhd", *movie)
        return header and _read_movie_header(file, header[0])
    except struct.error:  # the file ends before the field
        return None


def _find_box(file: BinaryIO, kind: bytes, start: int, stop: int) -> tuple[int, int] | None:
    """Return where the payload of the first box of a kind begins and ends."""
    for _ in range(MAX_BOXES):
        file.seek(start)
        num_bytes, found = struct.unpack(">I4s", file.read(8))
        payload = start + 8
        if num_bytes == 1:  # the length follows, as 64 bits
            (num_bytes,) = struct.unpack(">Q", file.read(8))
            payload += 8
        end = stop if num_bytes == 0 else start + num_bytes
        if found == kind:
            return payload, min(end, stop)
        if not payload <= end < stop:
            return None
        start = end
    return None


def _read_movie_header(file: BinaryIO, start: int) -> float | None:
    file.seek(start)
    (version,) = struct.unpack(">B3x", file.read(4))
    form, num_bytes = (">16xIQ", 28) if version == 1 else (">8xII", 16)
    time_scale_hz, duration = struct.unpack(form, file.read(num_bytes))
    return duration / time_scale_hz if time_scale_hz and duration else None
