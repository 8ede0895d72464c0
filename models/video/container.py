"""Opening the videos of strangers: which demuxer, which codecs, and nothing else.

The demuxer is chosen by the file's first bytes (`signatures`), never by FFmpeg's guess or a name,
and formats, codecs and protocols are on allow-lists: a file cannot make FFmpeg open another one.
Of its streams one is read; demuxers pass over the data of all others.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import av
import av.logging
from av.container import InputContainer
from av.stream import Discard, Disposition, Stream

from models.errors import MediaLimitError, UndecodableMediaError, UnsupportedMediaError
from models.video.codec import decoder_options
from models.video.limits import DecodeLimits
from models.video.signatures import CONTAINER_FORMATS, NamelessFile, container_format

VIDEO_CODECS = "h264,hevc,vp8,vp9,libdav1d,mpeg4,mpeg1video,mpeg2video,mjpeg,gif,rawvideo"
ALLOW_LISTS = {
    "format_whitelist": ",".join(CONTAINER_FORMATS),
    "codec_whitelist": VIDEO_CODECS,
    "protocol_whitelist": "none",
}
# Tracks of MOV and MP4 files may lie in other files. These are FFmpeg's defaults, but for chapters,
# which it would read from a track of text; they are stated so that no later FFmpeg changes them.
DEMUXER_OPTIONS = {"mov": {"enable_drefs": "0", "use_absolute_path": "0", "ignore_chapters": "1"}}
# FFmpeg decodes the first frames of a file when it opens it, 2 ms at 640x480, to learn what the
# index of a MOV or MP4 file says already; the frame rate and the delay of its reordered frames too.
TRUST_INDEX = {"skip_frame": "all", "analyzeduration": "1", "fpsprobesize": "0"}


@contextmanager
def opened(source: Path | BinaryIO, limits: DecodeLimits) -> Iterator[InputContainer]:
    """Open a video with the one demuxer that its first bytes call for.

    Args:
        source: A path, or a file at its start; its name is never looked at.
        limits: What is accepted.

    Raises:
        UnsupportedMediaError: If the container is not accepted.
        UndecodableMediaError: If it cannot be opened.
        MediaLimitError: If it has too many streams.
    """
    if isinstance(source, Path):
        with source.open("rb") as file, opened(file, limits) as container:
            yield container
        return
    with _open_file(source, limits) as container:
        yield container


def is_seekable(source: Path | BinaryIO) -> bool:
    """Say whether a file can be read in any order, and more than once."""
    return isinstance(source, Path) or source.seekable()


def check_read_in_one_go(
    container: InputContainer, stream: av.VideoStream, *, num_frames: int
) -> None:
    """Check that nothing is missing that would be found by going back or looking ahead.

    Args:
        container: That has been read to its end.
        stream: The one that is shown.
        num_frames: How many frames it gave.

    Raises:
        UndecodableMediaError: If it is not as many as the index of a MOV or MP4 file lists: there,
            FFmpeg takes damage for the end.
    """
    if demuxer_name(container) == "mov" and num_frames != stream.frames:
        raise UndecodableMediaError(
            f"cannot be read in one go: {num_frames} of {stream.frames} frames were found"
        )


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


def pass_over_others(container: InputContainer, stream: av.VideoStream) -> list[Stream]:
    """Have the demuxer discard all streams but one, unread where it can; return those."""
    others = [other for other in container.streams if other.index != stream.index]
    for other in others:
        other.discard = Discard.all
    return others


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
        if not file.seekable():  # FFmpeg would take the first piece for all of it
            raise UndecodableMediaError("cannot be read in one go: its index is in pieces")
        file.seek(0)
    return _open_as(name, file, limits, {})


def _open_as(
    name: str, file: BinaryIO, limits: DecodeLimits, options: dict[str, str]
) -> InputContainer:
    # FFmpeg stops at so many streams; one more than are accepted shows that there are more.
    limited = decoder_options(limits) | {"max_streams": str(limits.max_streams + 1)}
    options = ALLOW_LISTS | limited | DEMUXER_OPTIONS.get(name, {}) | options
    try:
        container = _demux(name, file, options)
    except av.FFmpegError as exc:
        if exc.errno == errno.ENOMEM and _has_too_many_streams(name, file, options):
            raise MediaLimitError(
                "max_streams", limits.max_streams + 1, limits.max_streams
            ) from exc
        raise UndecodableMediaError(f"cannot open as {name}: {exc.strerror}") from exc
    limits.check("max_streams", len(container.streams))
    return container


def _demux(name: str, file: BinaryIO, options: dict[str, str]) -> InputContainer:
    return av.open(NamelessFile(file), "r", format=name, options=options, metadata_errors="replace")


def _has_too_many_streams(name: str, file: BinaryIO, options: dict[str, str]) -> bool:
    """Open a file again that some demuxers call too large for memory, and listen to FFmpeg's log.

    It says only there whether streams were too many or a header really asks for too much memory.
    """
    file.seek(0)
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as messages, suppress(av.FFmpegError):
            _demux(name, file, options).close()
    finally:
        av.logging.set_level(None)
    return any("max_streams" in text for _, _, text in messages)
