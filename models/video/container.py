"""Opening the videos of strangers: which demuxer, which codecs, and nothing else.

The demuxer is chosen by the file's first bytes (`signatures`), never by FFmpeg's guess or a name,
and formats, codecs and protocols are on allow-lists: a file cannot make FFmpeg open another one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import av
from av.container import InputContainer
from av.stream import Disposition

from models.errors import UndecodableMediaError, UnsupportedMediaError
from models.video.codec import decoder_options
from models.video.limits import DecodeLimits
from models.video.signatures import CONTAINER_FORMATS, NamelessFile, container_format

VIDEO_CODECS = "h264,hevc,vp8,vp9,libdav1d,mpeg4,mpeg1video,mpeg2video,mjpeg,gif,rawvideo"
ALLOW_LISTS = {
    "format_whitelist": ",".join(CONTAINER_FORMATS),
    "codec_whitelist": VIDEO_CODECS,
    "protocol_whitelist": "none",
}
# FFmpeg decodes the first frames of a file when it opens it, 2 ms at 640x480, to learn what the
# index of a MOV or MP4 file says already; the frame rate and the delay of its reordered frames too.
TRUST_INDEX = {"skip_frame": "all", "analyzeduration": "1", "fpsprobesize": "0"}


@contextmanager
def opened(source: Path | BinaryIO, limits: DecodeLimits) -> Iterator[InputContainer]:
    """Open a video with the one demuxer that its first bytes call for.

    Args:
        source: A path, or a seekable file at its start; its name is never looked at.
        limits: What is accepted.

    Raises:
        UnsupportedMediaError: If the container is not accepted.
        UndecodableMediaError: If it cannot be opened.
    """
    if isinstance(source, Path):
        with source.open("rb") as file, opened(file, limits) as container:
            yield container
        return
    with _open_file(source, limits) as container:
        yield container


def video_stream(container: InputContainer) -> av.VideoStream:
    """Return the stream that is shown.

    Raises:
        UnsupportedMediaError: If there is none, or its codec is not accepted.
    """
    stream = container.streams.best("video")
    if not isinstance(stream, av.VideoStream) or stream.disposition & Disposition.attached_pic:
        raise UnsupportedMediaError("the file has no video stream")
    codec = getattr(stream.codec_context, "name", "unknown")  # None without a decoder for it
    if codec not in VIDEO_CODECS.split(","):
        raise UnsupportedMediaError(f"codec is {codec}, accepted are {VIDEO_CODECS}")
    return stream


def stated_duration_s(container: InputContainer, stream: av.VideoStream) -> float:
    """Return the length that headers state, 0 if none does; sound may be longer than pictures."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / av.time_base


def demuxer_name(container: InputContainer) -> str:
    """Return FFmpeg's first name of the container's format."""
    return container.format.name.split(",")[0]


def _open_file(file: BinaryIO, limits: DecodeLimits) -> InputContainer:
    name = container_format(file)
    if name == "mov":
        container = _open_as(name, file, limits, TRUST_INDEX)
        if container.streams.video and all(s.frames for s in container.streams.video):
            return container
        container.close()  # a fragmented file has its index in pieces
        file.seek(0)
    return _open_as(name, file, limits, {})


def _open_as(
    name: str, file: BinaryIO, limits: DecodeLimits, options: dict[str, str]
) -> InputContainer:
    options = ALLOW_LISTS | decoder_options(limits) | options
    try:
        return av.open(
            NamelessFile(file), "r", format=name, options=options, metadata_errors="replace"
        )
    except av.FFmpegError as exc:
        raise UndecodableMediaError(f"cannot open as {name}: {exc.strerror}") from exc
