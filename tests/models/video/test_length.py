import struct
from io import BytesIO
from pathlib import Path

import pytest

from models.video.length import stated_length_s
from tests.media import barcode_frames, write_video


def box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def movie_header(*, time_scale_hz: int, duration: int, version: int = 0) -> bytes:
    form = ">B3x16xIQ" if version else ">B3x8xII"
    return box(b"mvhd", struct.pack(form, version, time_scale_hz, duration) + bytes(80))


@pytest.mark.parametrize("options", [{}, {"movflags": "faststart"}])
def test_mp4_says_its_length(tmp_path: Path, options: dict[str, str]) -> None:
    path = write_video(
        tmp_path / "clip.mp4", barcode_frames(30), frame_rate_hz=10, container_options=options
    )

    with path.open("rb") as file:
        assert stated_length_s(file) == pytest.approx(3.0, abs=0.11)


@pytest.mark.parametrize("version", [0, 1])
def test_both_versions_of_the_header_are_read(version: int) -> None:
    header = movie_header(time_scale_hz=1000, duration=2500, version=version)
    data = box(b"ftyp", b"isom") + box(b"moov", box(b"free", b"") + header)

    assert stated_length_s(BytesIO(data)) == 2.5


def test_box_of_64_bit_length_is_passed() -> None:
    media = struct.pack(">I4sQ", 1, b"mdat", 16 + 5) + bytes(5)
    data = media + box(b"moov", movie_header(time_scale_hz=1, duration=7))

    assert stated_length_s(BytesIO(data)) == 7


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"short",
        b"\x1a\x45\xdf\xa3" + bytes(100),
        bytes(10_000),
        box(b"ftyp", b"isom"),
        box(b"moov", b""),
        box(b"moov", box(b"mvhd", b"\0")),
        box(b"moov", movie_header(time_scale_hz=0, duration=5)),
        box(b"moov", movie_header(time_scale_hz=5, duration=0)),
        struct.pack(">I4s", 4, b"free") * 100,
        box(b"free", b"") * 1000 + box(b"moov", movie_header(time_scale_hz=1, duration=1)),
        struct.pack(">I4sQ", 1, b"free", 2**64 - 1),
    ],
)
def test_what_says_nothing_has_no_length(data: bytes) -> None:
    assert stated_length_s(BytesIO(data)) is None
