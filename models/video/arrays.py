"""Reading `.npy` data of strangers: header first, nothing pickled, nothing copied."""

import math
from io import BytesIO
from tokenize import TokenError
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from models.errors import InvalidFramesError
from models.video.limits import DEFAULT_LIMITS, DecodeLimits

MAX_HEADER_BYTES = 1_000
HEADER_READERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}


def parse_npy(
    data: bytes | BinaryIO, *, limits: DecodeLimits = DEFAULT_LIMITS
) -> NDArray[np.uint8]:
    """Return the frames or clips of an `.npy` file.

    The header is checked before the data is touched. Bytes are not copied (the array is then
    read-only); a file is read once.

    Args:
        data: The file's bytes, or the file, open for reading at its start.
        limits: What is accepted.

    Returns:
        frames_THWC or clips_NTHWC, uint8.

    Raises:
        InvalidFramesError: If it is no `.npy` file, or not uint8 (T,H,W,3) or (N,T,H,W,3) in C
            order, or its data is shorter or longer than its header says.
        MediaLimitError: If it is over a limit.
        MediaTooShortError: If it has too few frames.
    """
    if isinstance(data, bytes):
        file: BinaryIO = BytesIO(data)
        shape = _read_shape(file, limits)
        payload = memoryview(data)[file.tell() :]
    else:
        shape = _read_shape(data, limits)
        payload = memoryview(data.read(math.prod(shape) + 1))
    if len(payload) != math.prod(shape):
        raise InvalidFramesError(f"npy data is not the {math.prod(shape)} bytes of {shape}")
    return np.frombuffer(payload, np.uint8).reshape(shape)


def _read_shape(file: BinaryIO, limits: DecodeLimits) -> tuple[int, ...]:
    try:
        version = npy_format.read_magic(file)
        read_header = HEADER_READERS[version]
        shape, is_fortran_order, dtype = read_header(file, max_header_size=MAX_HEADER_BYTES)
    except (ValueError, KeyError, TypeError, SyntaxError, TokenError) as exc:
        raise InvalidFramesError(
            f"not an npy file of version 1 or 2 with a header of at most {MAX_HEADER_BYTES} bytes"
        ) from exc
    if dtype != np.uint8:
        raise InvalidFramesError(f"npy dtype is {dtype}, needs uint8")
    if is_fortran_order:
        raise InvalidFramesError("npy array is in Fortran order, needs C order")
    _check_shape(shape, limits)
    return shape


def _check_shape(shape: tuple[int, ...], limits: DecodeLimits) -> None:
    if len(shape) not in (4, 5) or shape[-1] != 3 or not all(_is_size(n) for n in shape):
        raise InvalidFramesError(f"npy shape is {shape}, needs (T,H,W,3) or (N,T,H,W,3)")
    num_clips = shape[0] if len(shape) == 5 else 1
    num_frames, height_px, width_px = shape[-4:-1]
    limits.check("max_windows", num_clips)
    limits.check_batch((num_clips * num_frames, height_px, width_px))
    limits.check_min_frames(num_frames)


def _is_size(value: object) -> bool:
    """Tell a positive integer; headers may hold anything that Python writes, such as True."""
    return type(value) is int and value > 0
