"""Receives request bodies: a small one stays in memory, any other goes to files as it arrives.

A video that takes long to arrive is decoded meanwhile, if its container can be read in one go.

Accepted are a `multipart/form-data` body with one part `clip` (a video) or parts `frames` (images,
in their order), or the bare bytes of a video or of an `.npy` array. The type that a part or a
video claims to have chooses nothing: the decoder goes by the bytes.
"""

import asyncio
import shutil
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from app.arrivals import Arrival
from app.bodies import count_bytes
from app.decoding import Blob
from app.errors import EmptyUploadError, InvalidUploadError
from app.headstarts import Begin, HeadStart
from app.multipart import MultipartReader, PartData
from models.errors import MediaLimitError, UnsupportedMediaError
from models.video.signatures import HEAD_BYTES, can_be_streamed

UploadKind = Literal["video", "images", "npy"]
FIELDS: dict[str, UploadKind] = {"clip": "video", "frames": "images"}
VIDEO_KINDS: frozenset[UploadKind] = frozenset({"video"})
FRAMES_KINDS: frozenset[UploadKind] = frozenset({"images", "npy"})
NPY_TYPE = "application/x-npy"
MULTIPART_TYPE = "multipart/form-data"
BARE_VIDEO_TYPES = ("video/*", "image/gif", "application/octet-stream")
FLUSH_BYTES = 1024 * 1024
# A file costs three turns of a thread: 0.8 ms to write, open and remove it again.
MEMORY_BYTES = 1024 * 1024
# What FFmpeg reads at a time; a thread's turn for less would cost more than it gives.
ARRIVING_FLUSH_BYTES = 32 * 1024
LONG_UPLOAD_S = 0.05
"""What arrives within this time is decoded afterwards."""


@dataclass(frozen=True, kw_only=True)
class UploadLimits:
    """How much one upload may be.

    Attributes:
        max_bytes: Bytes of the request body.
        max_parts: Parts of a multipart body.
    """

    max_bytes: int
    max_parts: int


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A received body.

    Attributes:
        kind: What it claims to be.
        blobs: One, or one for each image, in their order.
        num_bytes: Bytes of the body.
        head_start: What has been decoded already of a video, if it took long to arrive.
    """

    kind: UploadKind
    blobs: tuple[Blob, ...]
    num_bytes: int
    head_start: HeadStart | None = None


@asynccontextmanager
async def open_spool(root: Path) -> AsyncIterator[Path]:
    """Name a folder for one upload, gone with all its files at the end of the statement.

    Who writes a file there makes the folder.
    """
    folder = root / uuid.uuid4().hex
    try:
        yield folder
    finally:
        if folder.exists():
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder))


async def receive_upload(
    request: Request,
    folder: Path,
    *,
    kinds: frozenset[UploadKind],
    limits: UploadLimits,
    begin: Begin,
) -> Upload:
    """Take in a request's body.

    Args:
        request: Its body has not been read yet.
        folder: Where files go, made for the first of them.
        kinds: What is accepted.
        limits: How much is accepted.
        begin: Begins to decode a video.

    Raises:
        UnsupportedMediaError: If the content type is none that is accepted.
        UploadTooLargeError: If the body is larger than the limit; at most that much is read.
        MediaLimitError: If there are more images than may be.
        EmptyUploadError: If the body, or one of its parts, is empty.
        InvalidUploadError: If the body is not the documented form.
    """
    content_type, options = parse_options_header(request.headers.get("content-type"))
    kind = _find_kind(content_type.decode("latin-1"), kinds)
    chunks = count_bytes(request, limits.max_bytes, limit="max_upload_bytes")
    if kind == "multipart":
        parts = _PartWriter(folder, kinds=kinds, max_parts=limits.max_parts, begin=begin)
        return await _receive_multipart(chunks, parts, boundary=options.get(b"boundary", b""))
    return await _receive_bare(chunks, folder / "body", kind=kind, begin=begin)


def _find_kind(
    content_type: str, kinds: frozenset[UploadKind]
) -> UploadKind | Literal["multipart"]:
    if content_type == MULTIPART_TYPE and kinds & set(FIELDS.values()):
        return "multipart"
    if content_type == NPY_TYPE and "npy" in kinds:
        return "npy"
    is_video = content_type.startswith("video/") or content_type in BARE_VIDEO_TYPES
    if is_video and "video" in kinds:
        return "video"
    accepted = ", ".join(accepted_types(kinds))
    raise UnsupportedMediaError(f"content type is {content_type!r}, accepted are {accepted}")


def accepted_types(kinds: frozenset[UploadKind]) -> tuple[str, ...]:
    """Return the content types that carry some of these kinds of upload."""
    return (
        *((MULTIPART_TYPE,) if kinds & set(FIELDS.values()) else ()),
        *(BARE_VIDEO_TYPES if "video" in kinds else ()),
        *((NPY_TYPE,) if "npy" in kinds else ()),
    )


class _BlobWriter:
    """Collects bytes and writes them in large pieces, in threads: a disk may be slow.

    Args:
        path: Where they go if they are many.
        memory_bytes: How many may stay in memory.
        begin: Begins to decode a video; None for what is none.
    """

    def __init__(self, path: Path, *, memory_bytes: int, begin: Begin | None) -> None:
        self.num_bytes = 0
        self.head_start: HeadStart | None = None
        self._path = path
        self._memory_bytes = memory_bytes
        self._begin = begin
        self._long_after = time.monotonic() + LONG_UPLOAD_S
        self._head = b""
        self._pending: list[bytes] = []
        self._num_pending = 0
        self._arrival = Arrival(path)

    async def write(self, data: bytes) -> None:
        self._pending.append(data)
        self._num_pending += len(data)
        self.num_bytes += len(data)
        is_awaited = self.head_start is not None and not self.head_start.has_failed
        if self._num_pending > (ARRIVING_FLUSH_BYTES if is_awaited else FLUSH_BYTES):
            await self._flush()
        if self._begin is not None:
            await self._consider(data, self._begin)

    async def _consider(self, data: bytes, begin: Begin) -> None:
        """Begin to decode if the upload takes long, its first bytes allow it, and there is time."""
        self._head += data[: HEAD_BYTES - len(self._head)]
        if len(self._head) < HEAD_BYTES or time.monotonic() < self._long_after:
            return
        if not can_be_streamed(self._head):
            self._begin = None
        elif (head_start := begin(self._arrival)) is not None:
            self._begin, self.head_start = None, head_start
            await self._flush()

    async def _flush(self) -> None:
        pending, self._pending, self._num_pending = self._pending, [], 0
        await asyncio.to_thread(_append, self._path, pending)
        self._arrival.grow(sum(map(len, pending)))

    async def finish(self) -> Blob:
        if not self.num_bytes:
            raise EmptyUploadError("the body, or a part of it, is empty")
        if self.num_bytes == self._num_pending <= self._memory_bytes:
            return b"".join(self._pending)
        await self._flush()
        self._arrival.end()
        return self._path


def _append(path: Path, pieces: list[bytes]) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with path.open("ab") as file:
        file.writelines(pieces)


async def _receive_bare(
    chunks: AsyncIterator[bytes], path: Path, *, kind: UploadKind, begin: Begin
) -> Upload:
    is_video = kind == "video"
    writer = _BlobWriter(path, memory_bytes=MEMORY_BYTES, begin=begin if is_video else None)
    async for chunk in chunks:
        await writer.write(chunk)
    return Upload(
        kind=kind,
        blobs=(await writer.finish(),),
        num_bytes=writer.num_bytes,
        head_start=writer.head_start,
    )


async def _receive_multipart(
    chunks: AsyncIterator[bytes], parts: "_PartWriter", *, boundary: bytes
) -> Upload:
    reader = MultipartReader(boundary)
    num_bytes = 0
    async for chunk in chunks:
        num_bytes += len(chunk)
        for part in reader.feed(chunk):
            await parts.write(part)
    if not num_bytes:
        raise EmptyUploadError("the body is empty")
    reader.finish()
    return Upload(
        kind=parts.kind,
        blobs=await parts.finish(),
        num_bytes=num_bytes,
        head_start=parts.head_start,
    )


class _PartWriter:
    """Collects the parts of one body, each on its own; together they share the memory."""

    def __init__(
        self, folder: Path, *, kinds: frozenset[UploadKind], max_parts: int, begin: Begin
    ) -> None:
        self._folder = folder
        self._begin = begin
        self._fields = {field: kind for field, kind in FIELDS.items() if kind in kinds}
        self._max_parts = max_parts
        self._writer: _BlobWriter | None = None
        self._blobs: list[Blob] = []
        self._memory_bytes = MEMORY_BYTES
        self._field = ""

    async def write(self, part: PartData) -> None:
        if self._writer is None or part.index > len(self._blobs):
            await self._end_part()
            self._check(part)
            self._field = part.field
            path = self._folder / str(part.index)
            self._writer = _BlobWriter(
                path,
                memory_bytes=self._memory_bytes,
                begin=self._begin if part.field == "clip" else None,
            )
        await self._writer.write(part.data)

    async def _end_part(self) -> None:
        if self._writer is not None:
            blob = await self._writer.finish()
            self._blobs.append(blob)
            self._memory_bytes -= len(blob) if isinstance(blob, bytes) else 0

    def _check(self, part: PartData) -> None:
        if part.field not in self._fields:
            accepted = ", ".join(self._fields)
            raise InvalidUploadError(f"field {part.field!r} is unknown, accepted are: {accepted}")
        if self._writer and (part.field == "clip" or part.field != self._field):
            raise InvalidUploadError("the body has more than one clip, or a clip and frames")
        if part.index >= self._max_parts:
            raise MediaLimitError("max_frames", part.index + 1, self._max_parts)

    @property
    def kind(self) -> UploadKind:
        if not self._field:
            raise InvalidUploadError(f"no part is named {' or '.join(self._fields)}")
        return self._fields[self._field]

    @property
    def head_start(self) -> HeadStart | None:
        return None if self._writer is None else self._writer.head_start

    async def finish(self) -> tuple[Blob, ...]:
        await self._end_part()
        return tuple(self._blobs)
