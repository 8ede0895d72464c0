from io import BytesIO

import pytest

from models.errors import InvalidFramesError, UndecodableMediaError, UnsupportedMediaError
from models.video.limits import DecodeLimits
from models.video.signatures import (
    can_be_streamed,
    check_images,
    container_format,
    image_size_px,
)
from tests.media import barcode_frames, encode_image

TRANSPORT_HEAD = (b"\x47" + bytes(187)) * 5


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x00\x00\x00\x18ftypisom", "mov"),
        (b"\x00\x00\x00\x08wide\x00\x00", "mov"),
        (b"\x1a\x45\xdf\xa3\x01", "matroska"),
        (b"RIFF\x00\x00\x00\x00AVI LIST", "avi"),
        (b"GIF89a", "gif"),
        (b"\x00\x00\x01\xba\x21", "mpeg"),
        (TRANSPORT_HEAD, "mpegts"),
    ],
)
def test_container_is_told_by_its_first_bytes(head: bytes, name: str) -> None:
    file = BytesIO(head)

    assert container_format(file) == name
    assert file.tell() == 0


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"G",
        b"hello, world",
        b"RIFF\x00\x00\x00\x00WAVE",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
    ],
)
def test_anything_else_is_no_container(head: bytes) -> None:
    with pytest.raises(UnsupportedMediaError, match="file starts with"):
        container_format(BytesIO(head))


FTYP = b"\x00\x00\x00\x10ftypisom\x00\x00\x02\x00"
FREE = b"\x00\x00\x00\x09free\x00"


@pytest.mark.parametrize(
    ("head", "can"),
    [
        (FTYP + FREE + b"\x00\x00\x10\x00moov", True),
        (FTYP + b"\x00\x00\x00\x01moov", True),
        (FTYP + FREE + b"\x00\x00\x10\x00mdat", False),
        (FTYP + b"\x00\x00\x00\x00free" + b"\x00\x00\x10\x00moov", False),
        (FTYP + b"\x00\x00\x00\x01free" + b"\x00\x00\x10\x00moov", False),
        (FTYP + b"\x00\x00\x10\x00free" + bytes(50), False),
        (FTYP + b"\x00\x00\x10", False),
        (b"\x1a\x45\xdf\xa3\x01", True),
        (TRANSPORT_HEAD, True),
        (b"RIFF\x00\x00\x00\x00AVI LIST", False),
        (b"GIF89a", False),
        (b"hello, world", False),
    ],
)
def test_what_can_be_read_in_one_go_is_told_by_its_first_bytes(head: bytes, can: bool) -> None:
    assert can_be_streamed(head) is can


@pytest.mark.parametrize("codec", ["png", "mjpeg"])
def test_image_states_its_size_in_its_header(codec: str) -> None:
    image = encode_image(barcode_frames(1, height_px=48, width_px=80)[0], codec=codec)

    assert image_size_px(image) == (80, 48)


@pytest.mark.parametrize("codec", ["png", "mjpeg"])
def test_image_that_ends_inside_its_header_is_refused(codec: str) -> None:
    image = encode_image(barcode_frames(1)[0], codec=codec)

    with pytest.raises(UndecodableMediaError, match="header"):
        image_size_px(image[:18])


@pytest.mark.parametrize(
    "image",
    [
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(8),
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rJUNK" + bytes(8),
        b"\xff\xd8\xff\xc0\x00\x0b\x08" + bytes(8),
        b"\xff\xd8\xff\xe0\x00\x02" + bytes(8),
    ],
)
def test_image_without_a_valid_size_is_refused(image: bytes) -> None:
    with pytest.raises(UndecodableMediaError):
        image_size_px(image)


def test_jpeg_fill_bytes_before_a_marker_are_skipped() -> None:
    image = encode_image(barcode_frames(1)[0], codec="mjpeg")

    assert image_size_px(image[:2] + b"\xff\xff" + image[2:]) == (64, 64)


def test_images_of_different_sizes_are_refused() -> None:
    small, large = (encode_image(barcode_frames(1, height_px=side_px)[0]) for side_px in (64, 80))

    with pytest.raises(InvalidFramesError, match="image 1 is 64x80, the first 64x64"):
        check_images([small, large], limits=DecodeLimits())


def test_no_images_are_refused() -> None:
    with pytest.raises(InvalidFramesError, match="no images"):
        check_images([], limits=DecodeLimits())
