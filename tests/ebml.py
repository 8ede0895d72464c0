"""Matroska files taken apart and put together again, element by element.

Source of the numbers: RFC 8794 (EBML) and RFC 9559 (Matroska).
"""

import zlib
from collections.abc import Sequence

HEADER, SEGMENT, INFO, TRACKS, TRACK = 0x1A45DFA3, 0x18538067, 0x1549A966, 0x1654AE6B, 0xAE
TRACK_NUMBER, TRACK_UID, TRACK_KIND, CODEC, VIDEO = 0xD7, 0x73C5, 0x83, 0x86, 0xE0
WIDTH, HEIGHT = 0xB0, 0xBA
ENCODINGS, ENCODING, COMPRESSION, METHOD = 0x6D80, 0x6240, 0x5034, 0x4254
CLUSTER, CLUSTER_TIME, BLOCK = 0x1F43B675, 0xE7, 0xA3
TAGS, TAG, SIMPLE_TAG = 0x1254C367, 0x7373, 0x67C8


def element(number: int, *parts: bytes | int) -> bytes:
    """Return an element; integers among its parts become eight bytes each."""
    content = b"".join(p.to_bytes(8, "big") if isinstance(p, int) else p for p in parts)
    size = (len(content) | 1 << 56).to_bytes(8, "big")
    return number.to_bytes((number.bit_length() + 7) // 8, "big") + size + content


def matroska(
    pictures: Sequence[bytes],
    *,
    size_px: tuple[int, int] = (64, 64),
    times_ms: Sequence[int] = (),
    num_tracks: int = 1,
    is_deflated: bool = False,
    extra: bytes = b"",
) -> bytes:
    """Return a file that holds JPEG pictures as a video.

    Args:
        pictures: JPEG files.
        size_px: Width and height that the header states.
        times_ms: When each is shown; 100 ms apart by default.
        num_tracks: Tracks in the header; the first has the pictures.
        is_deflated: Whether the header says that pictures are to be inflated before use.
        extra: Elements that follow the header.
    """
    deflation = element(ENCODINGS, element(ENCODING, element(COMPRESSION, element(METHOD, 0))))
    video = element(VIDEO, element(WIDTH, size_px[0]), element(HEIGHT, size_px[1]))
    tracks = b"".join(
        element(
            TRACK,
            element(TRACK_NUMBER, number),
            element(TRACK_UID, number),
            element(TRACK_KIND, 1),
            element(CODEC, b"V_MJPEG"),
            video,
            deflation if is_deflated else b"",
        )
        for number in range(1, num_tracks + 1)
    )
    clusters = b"".join(
        element(
            CLUSTER,
            element(CLUSTER_TIME, time_ms),
            element(BLOCK, b"\x81\x00\x00\x80", zlib.compress(picture) if is_deflated else picture),
        )
        for time_ms, picture in zip(
            times_ms or range(0, 100 * len(pictures), 100), pictures, strict=True
        )
    )
    segment = element(SEGMENT, element(INFO), element(TRACKS, tracks), extra, clusters)
    return element(HEADER, element(0x4282, b"matroska")) + segment


def nested_tags(depth: int) -> bytes:
    """Return tags inside of tags."""
    tag = b""
    for _ in range(depth):
        tag = element(SIMPLE_TAG, tag)
    return element(TAGS, element(TAG, tag))
