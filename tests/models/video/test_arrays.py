import pickle
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import InvalidFramesError, MediaLimitError, MediaTooShortError
from models.video.arrays import parse_npy
from models.video.limits import DecodeLimits


def to_npy(array: NDArray[np.generic], *, version: tuple[int, int] | None = None) -> bytes:
    file = BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


def frames(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
@pytest.mark.parametrize("shape", [(5, 8, 6, 3), (2, 5, 8, 6, 3)])
def test_frames_and_clips_come_back_as_they_were(
    shape: tuple[int, ...], version: tuple[int, int]
) -> None:
    array = frames(*shape)

    assert np.array_equal(parse_npy(to_npy(array, version=version)), array)


def test_file_gives_what_its_bytes_give(tmp_path: Path) -> None:
    array = frames(5, 8, 6, 3)
    np.save(tmp_path / "frames.npy", array)

    assert np.array_equal(parse_npy(tmp_path / "frames.npy"), array)


def test_bytes_are_not_copied() -> None:
    array = parse_npy(to_npy(frames(5, 8, 6, 3)))

    assert not array.flags.owndata
    assert not array.flags.writeable


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (frames(5, 8, 6, 3).astype(np.float32), "dtype is float32"),
        (frames(5, 8, 6, 3).astype(np.int8), "dtype is int8"),
        (np.asfortranarray(frames(5, 8, 6, 3)), "Fortran"),
        (frames(5, 8, 6), "shape is"),
        (frames(5, 8, 6, 4), "shape is"),
        (frames(0, 8, 6, 3), "shape is"),
        (frames(1, 1, 5, 8, 6, 3), "shape is"),
    ],
)
def test_wrong_dtype_or_shape_is_refused(array: NDArray[np.generic], message: str) -> None:
    with pytest.raises(InvalidFramesError, match=message):
        parse_npy(to_npy(array))


def test_array_that_pickles_is_refused_unread() -> None:
    array = np.empty((2, 1, 1, 3), object)
    file = BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=True)

    with pytest.raises(InvalidFramesError, match="dtype is object"):
        parse_npy(file.getvalue())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text",
        pickle.dumps([1]),
        b"\x93NUMPY\x09\x00",
        b"\x93NUMPY\x01\x00\xff\xff{",
        to_npy(frames(2, 8, 6, 3)).replace(b"descr", b"d\x00scr"),
    ],
)
def test_anything_but_npy_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidFramesError, match="not an npy file"):
        parse_npy(data)


@pytest.mark.parametrize("as_file", [False, True])
@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"\0"])
def test_data_of_another_length_than_stated_is_refused(
    tmp_path: Path, change: Callable[[bytes], bytes], as_file: bool
) -> None:
    data = change(to_npy(frames(5, 8, 6, 3)))
    path = tmp_path / "frames.npy"
    path.write_bytes(data)

    with pytest.raises(InvalidFramesError, match="720 bytes"):
        parse_npy(path if as_file else data)


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (DecodeLimits(max_frames=9), "max_frames"),
        (DecodeLimits(max_windows=1), "max_windows"),
        (DecodeLimits(max_pixels=47), "max_pixels"),
        (DecodeLimits(max_aspect_ratio=1.2), "max_aspect_ratio"),
        (DecodeLimits(max_batch_bytes=1439), "max_batch_bytes"),
    ],
)
def test_limits_are_checked_before_the_data_is_read(limits: DecodeLimits, name: str) -> None:
    header = to_npy(frames(2, 5, 8, 6, 3))[:-1440]

    with pytest.raises(MediaLimitError, match=name):
        parse_npy(header, limits=limits)


def test_single_frame_is_too_short() -> None:
    with pytest.raises(MediaTooShortError):
        parse_npy(to_npy(frames(1, 8, 6, 3)))


@pytest.mark.parametrize("header", ["(", "'''", "{[]: 1}", "{1: 2, 'descr': 3}", "{'descr': (,"])
def test_header_that_python_cannot_read_is_refused(header: str) -> None:
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()

    with pytest.raises(InvalidFramesError, match="not an npy file"):
        parse_npy(data)


def test_header_that_states_more_than_a_float_can_hold_is_refused() -> None:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': (4, 8, {10**400}, 3)}}"
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()

    with pytest.raises(MediaLimitError, match="max_pixels: found 80000"):
        parse_npy(data)
