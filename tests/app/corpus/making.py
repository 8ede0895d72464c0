"""How bad files are made: out of good clips, box by box, and by hand."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from tests.app.posting import npy_bytes
from tests.boxes import find_box, make_box
from tests.media import barcode_frames, encode_image, write_audio, write_video

TRACK = (b"moov", b"trak")
MEDIA = (*TRACK, b"mdia")
TABLES = (*MEDIA, b"minf", b"stbl")


@dataclass(frozen=True, kw_only=True)
class Site:
    """What files are made of and point to.

    Attributes:
        clips: Good clips by name, of `tests.clips`.
        folder: Takes files on the way.
        port: On loopback, where somebody listens for connections that must not come.
    """

    clips: Mapping[str, bytes]
    folder: Path
    port: int

    @property
    def url(self) -> str:
        """What no file may make anybody open."""
        return f"http://127.0.0.1:{self.port}/a.ts"

    @property
    def mp4(self) -> bytes:
        """The plainest clip."""
        return self.clips["h264.mp4"]


def text(form: str) -> Callable[[Site], bytes]:
    """Return what makes a text that points to the site."""
    return lambda site: form.format(url=site.url, port=site.port).encode()


def patched(
    name: str, path: Sequence[bytes], offset: int, form: str, *values: int
) -> Callable[[Site], bytes]:
    """Return what overwrites numbers at an offset after the size and kind of a box of a clip."""

    def make(site: Site) -> bytes:
        data = bytearray(site.clips[name])
        start, _ = find_box(site.clips[name], *path)
        struct.pack_into(form, data, start + 8 + offset, *values)
        return bytes(data)

    return make


def overwritten(
    name: str, old: bytes, offset: int, form: str, *values: int
) -> Callable[..., bytes]:
    """Return what overwrites numbers at an offset from the first place of some bytes in a clip."""

    def make(site: Site) -> bytes:
        data = bytearray(site.clips[name])
        struct.pack_into(form, data, data.index(old) + offset, *values)
        return bytes(data)

    return make


def jpegs(num_pictures: int, *, size_px: tuple[int, int] | None = None) -> list[bytes]:
    """Return JPEG pictures; their headers state another size if one is given, width first."""
    images = [encode_image(picture, codec="mjpeg") for picture in barcode_frames(num_pictures)]
    return [image if size_px is None else with_jpeg_size(image, size_px) for image in images]


def with_jpeg_size(image: bytes, size_px: tuple[int, int]) -> bytes:
    """Return a JPEG picture whose header states another size."""
    data = bytearray(image)
    struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, *size_px[::-1])
    return bytes(data)


def without_keyframes(site: Site) -> bytes:
    """Return a transport stream that begins in the middle of a group of pictures and ends there."""
    path = site.folder / "whole.ts"
    write_video(path, barcode_frames(30), gop_size=1000)
    kept = io.BytesIO()
    with av.open(path) as source, av.open(kept, "w", format="mpegts") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in list(source.demux(video=0))[1:-1]:
            packet.stream = stream
            target.mux(packet)
    return kept.getvalue()


def encoded(site: Site, num_frames: int, *, suffix: str = "mp4", **options: object) -> bytes:
    """Return a video of black pictures."""
    size = options.pop("size_px", (64, 64))
    assert isinstance(size, tuple)
    frames_THWC = np.zeros((num_frames, *size, 3), np.uint8)
    return write_video(
        site.folder / f"v.{suffix}",
        frames_THWC,
        **options,  # type: ignore[arg-type]
    ).read_bytes()


def audio(site: Site, suffix: str) -> bytes:
    """Return a file of sound."""
    return write_audio(site.folder / f"a.{suffix}").read_bytes()


def of_unknown_kind(site: Site) -> bytes:
    """Return an MP4 file that names its codec as players name what is encrypted."""
    start, _ = find_box(site.mp4, *TABLES, b"stsd")
    return site.mp4[: start + 20] + b"encv" + site.mp4[start + 24 :]


def encrypted(site: Site) -> bytes:
    """Return an MP4 file whose pictures are encrypted."""
    scheme = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": "00" * 16,
        "encryption_kid": "ff" * 16,
    }
    path = site.folder / "encrypted.mp4"
    return write_video(path, barcode_frames(30), container_options=scheme).read_bytes()


def compressed_index(site: Site) -> bytes:
    """Return a MOV file whose index is deflated and said to be 2 GB long."""
    start, stop = find_box(site.mp4, b"moov")
    packed = zlib.compress(bytes(50 * 2**20))
    index = make_box(
        b"moov",
        make_box(
            b"cmov",
            make_box(b"dcom", b"zlib"),
            make_box(b"cmvd", struct.pack(">I", 2**31 - 1), packed),
        ),
    )
    return site.mp4[:start] + index + site.mp4[stop:]


def nested_boxes(depth: int) -> bytes:
    """Return an MP4 file of boxes inside of boxes."""
    box = b""
    for _ in range(depth):
        box = make_box(b"moov", box)
    return make_box(b"ftyp", b"isom", bytes(4)) + box


def zipped(data: bytes) -> bytes:
    """Return a ZIP archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("video.mp4", data)
    return file.getvalue()


def array_header(header: str) -> bytes:
    """Return an npy file of a header and no data."""
    padded = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded


def pickled(_: Site) -> bytes:
    """Return an npy file that unpickles objects."""
    return npy_bytes(np.array([{"a": 1}], dtype=object), allow_pickle=True)


def no_packets(num_packets: int) -> bytes:
    """Return a transport stream of padding."""
    return (b"\x47\x1f\xff\x10" + b"\xff" * 184) * num_packets
