"""What a file is by its first bytes, so that FFmpeg is never asked to guess.

FFmpeg probes more than 300 formats, among them texts that make it open sockets and other files.
Here the bytes choose one of the few that are accepted, and only that demuxer sees the file.
"""

import struct
from collections.abc import Sequence
from typing import BinaryIO, Literal

from models.errors import InvalidFramesError, UndecodableMediaError, UnsupportedMediaError
from models.video.limits import DecodeLimits

HEAD_BYTES = 1024
TRANSPORT_PACKET_BYTES = 188
MP4_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
JPEG_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

CONTAINER_FORMATS = ("mov", "matroska", "avi", "gif", "mpegts", "mpeg")

# What FFmpeg reads in one go as it reads it otherwise; AVI files have an index at their end.
STREAMED_FORMATS = ("matroska", "mpegts")

ImageCodec = Literal["png", "mjpeg"]


class NamelessFile:
    """A file without its name, which FFmpeg would take as a hint of the format."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell
        self.seekable = file.seekable


def container_format(file: BinaryIO) -> str:
    """Return FFmpeg's name of the demuxer for a file, one of `CONTAINER_FORMATS`.

    Args:
        file: At its start, and back there afterwards.

    Raises:
        UnsupportedMediaError: If it is of no accepted container.
    """
    head = file.read(HEAD_BYTES)
    file.seek(0)
    name = _container_of(head)
    if name is None:
        raise UnsupportedMediaError(
            f"file starts with {head[:8]!r}, accepted are {', '.join(CONTAINER_FORMATS)}"
        )
    return name


def can_be_streamed(head: bytes) -> bool:
    """Say whether a video can probably be decoded in one go, by its first bytes.

    MP4 and MOV files can if their index comes before the pictures, all of it; often it comes last.

    Args:
        head: At least `HEAD_BYTES`, unless the file is shorter.
    """
    name = _container_of(head)
    return _has_index_first(head) if name == "mov" else name in STREAMED_FORMATS


def image_codec(data: bytes) -> ImageCodec:
    """Return FFmpeg's name of the codec of a PNG or JPEG image.

    Raises:
        UnsupportedMediaError: If it is neither.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "mjpeg"
    raise UnsupportedMediaError(f"image starts with {data[:8]!r}, needs JPEG or PNG")


def image_size_px(data: bytes) -> tuple[int, int]:
    """Return width and height as the image's header states them.

    Raises:
        UnsupportedMediaError: If it is neither JPEG nor PNG.
        UndecodableMediaError: If the header is broken.
    """
    try:
        return _png_size_px(data) if image_codec(data) == "png" else _jpeg_size_px(data)
    except struct.error as exc:
        raise UndecodableMediaError("the image ends inside its header") from exc


def _container_of(head: bytes) -> str | None:
    if head[4:8] in MP4_FIRST_BOXES:
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):  # EBML
        return "matroska"
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return "avi"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(b"\x00\x00\x01\xba"):  # pack header
        return "mpeg"
    return "mpegts" if _is_transport_stream(head) else None


def _has_index_first(head: bytes) -> bool:
    start = 0
    while start + 8 <= len(head):
        num_bytes, kind = struct.unpack_from(">I4s", head, start)
        if kind in (b"moov", b"mdat"):
            return bool(kind == b"moov")
        if num_bytes < 8:  # of 64 bits, or up to the end, as only pictures are
            return False
        start += num_bytes
    return False


def _is_transport_stream(head: bytes) -> bool:
    syncs = head[::TRANSPORT_PACKET_BYTES]
    return len(syncs) > 1 and set(syncs) == {0x47}


def _png_size_px(data: bytes) -> tuple[int, int]:
    chunk, width_px, height_px = struct.unpack_from(">4sII", data, 12)
    if chunk != b"IHDR" or 0 in (width_px, height_px):
        raise UndecodableMediaError("the PNG image has no valid header")
    return width_px, height_px


def _jpeg_size_px(data: bytes) -> tuple[int, int]:
    position = 2
    while True:
        start, marker, num_bytes = struct.unpack_from(">BBH", data, position)
        if start != 0xFF:
            raise UndecodableMediaError("the JPEG image has no valid header")
        if marker in JPEG_FRAME_MARKERS:
            height_px, width_px = struct.unpack_from(">HH", data, position + 5)
            if 0 in (width_px, height_px):
                raise UndecodableMediaError("the JPEG image states no size")
            return width_px, height_px
        position += 1 if marker == 0xFF else 2 + num_bytes


def check_images(images: Sequence[bytes], *, limits: DecodeLimits) -> tuple[int, int, int, int]:
    """Return the shape (T, H, W, 3) of a batch of images, from their headers alone.

    Raises:
        UnsupportedMediaError: If one is neither JPEG nor PNG.
        UndecodableMediaError: If a header is broken.
        InvalidFramesError: If there are none, or they differ in size.
        MediaLimitError: If the batch is over a limit.
    """
    if not images:
        raise InvalidFramesError("there are no images")
    limits.check("max_frames", len(images))
    first_px = image_size_px(images[0])
    for index, image in enumerate(images):
        width_px, height_px = image_size_px(image)
        if (width_px, height_px) != first_px:
            raise InvalidFramesError(
                f"image {index} is {width_px}x{height_px}, the first {first_px[0]}x{first_px[1]}"
            )
    limits.check_size(*first_px)
    return (len(images), first_px[1], first_px[0], 3)
