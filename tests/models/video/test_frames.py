"""Images and arrays as input: the same sampling and scaling as for video."""

import struct

import numpy as np
import pytest
from numpy.typing import NDArray

from models.errors import (
    InvalidFramesError,
    MediaLimitError,
    MediaTooShortError,
    UndecodableMediaError,
    UnsupportedMediaError,
)
from models.spec import ClipSpec
from models.video.arrays import clips_to_windows, frames_to_windows
from models.video.frames import images_to_windows
from models.video.limits import DecodeLimits
from tests.media import barcode_frames, encode_image, read_barcodes

SPEC = ClipSpec(num_frames=4, window_s=1.0, size_px=64)


def encode_all(frames_THWC: NDArray[np.uint8], *, codec: str = "png") -> list[bytes]:
    return [encode_image(frame_HWC, codec=codec) for frame_HWC in frames_THWC]


def with_exif_rotation(jpeg: bytes) -> bytes:
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)  # orientation 6: turn a quarter
    tiff = b"MM\x00\x2a" + struct.pack(">IH", 8, 1) + entry + bytes(4)
    body = b"Exif\x00\x00" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def test_frames_are_shown_at_their_rate() -> None:
    video = frames_to_windows(barcode_frames(45), SPEC, frame_rate_hz=30)

    shown = [read_barcodes(frames_THWC) for frames_THWC in video.windows_NTHWC]
    assert shown == [[3, 11, 18, 26], [33, 41, 44, 44]]
    assert [span.num_padded_frames for span in video.spans] == [0, 2]
    assert (video.info.num_frames, video.info.duration_s) == (45, 1.5)


def test_frames_of_model_size_are_kept_byte_for_byte() -> None:
    frames_THWC = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)

    video = frames_to_windows(frames_THWC, SPEC, frame_rate_hz=4)

    assert np.array_equal(video.windows_NTHWC[0], frames_THWC)


def test_frames_that_are_a_view_give_what_their_copy_gives() -> None:
    frames_THWC = barcode_frames(30, width_px=128)[:, :, ::-1]

    video = frames_to_windows(frames_THWC, SPEC, frame_rate_hz=30)

    copied = frames_to_windows(frames_THWC.copy(), SPEC, frame_rate_hz=30)
    assert np.array_equal(video.windows_NTHWC, copied.windows_NTHWC)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 8, 8), np.uint8),
        np.zeros((4, 8, 8, 4), np.uint8),
        np.zeros((0, 8, 8, 3), np.uint8),
        np.zeros((4, 8, 8, 3), np.float32),
    ],
)
def test_wrong_array_is_refused(array: NDArray[np.uint8]) -> None:
    with pytest.raises(InvalidFramesError, match="needs uint8"):
        frames_to_windows(array, SPEC, frame_rate_hz=30)
    with pytest.raises(InvalidFramesError, match="needs uint8"):
        clips_to_windows(array[None], SPEC)


@pytest.mark.parametrize("frame_rate_hz", [0.0, -1.0, float("nan"), float("inf")])
def test_frame_rate_must_be_positive_and_finite(frame_rate_hz: float) -> None:
    with pytest.raises(ValueError, match="frame_rate_hz"):
        frames_to_windows(barcode_frames(4), SPEC, frame_rate_hz=frame_rate_hz)


def test_frames_over_a_limit_are_refused() -> None:
    with pytest.raises(MediaLimitError, match=r"max_duration_s: found 1\.5, accepted at most 1"):
        frames_to_windows(
            barcode_frames(45), SPEC, frame_rate_hz=30, limits=DecodeLimits(max_duration_s=1)
        )


def test_clips_become_one_window_each() -> None:
    clips_NTHWC = barcode_frames(8, height_px=96).reshape(2, 4, 96, 64, 3)

    video = clips_to_windows(clips_NTHWC, SPEC)

    assert video.windows_NTHWC.shape == (2, 4, 64, 64, 3)
    assert [read_barcodes(clip) for clip in video.windows_NTHWC] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert {(span.start_s, span.stop_s) for span in video.spans} == {(0.0, 1.0)}


def test_clips_need_the_frames_of_the_spec() -> None:
    with pytest.raises(InvalidFramesError, match="clips have 5 frames, need 4"):
        clips_to_windows(np.zeros((1, 5, 8, 8, 3), np.uint8), SPEC)


def test_too_many_clips_are_refused() -> None:
    with pytest.raises(MediaLimitError, match="max_windows"):
        clips_to_windows(
            np.zeros((3, 4, 8, 8, 3), np.uint8), SPEC, limits=DecodeLimits(max_windows=2)
        )


def test_png_images_come_back_exactly() -> None:
    frames_THWC = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)

    video = images_to_windows(encode_all(frames_THWC), SPEC, frame_rate_hz=4)

    assert np.array_equal(video.windows_NTHWC[0], frames_THWC)


def test_jpeg_images_come_back_nearly() -> None:
    frames_THWC = barcode_frames(4)

    video = images_to_windows(encode_all(frames_THWC, codec="mjpeg"), SPEC, frame_rate_hz=4)

    assert np.abs(video.windows_NTHWC[0].astype(int) - frames_THWC).mean() < 8


@pytest.mark.parametrize("codec", ["png", "mjpeg"])
def test_images_are_sampled_and_scaled_as_frames_are(codec: str) -> None:
    frames_THWC = barcode_frames(30, width_px=96)
    images = encode_all(frames_THWC, codec=codec)

    video = images_to_windows(images, SPEC, frame_rate_hz=30)

    frames = frames_to_windows(frames_THWC, SPEC, frame_rate_hz=30)
    assert read_barcodes(video.windows_NTHWC[0]) == [3, 11, 18, 26]
    difference = np.abs(video.windows_NTHWC.astype(int) - frames.windows_NTHWC)
    assert difference.mean() <= (0 if codec == "png" else 8)
    assert video.info.codec == codec


def test_exif_orientation_is_ignored() -> None:
    image = encode_image(barcode_frames(1, width_px=96)[0], codec="mjpeg")

    video, turned_video = (
        images_to_windows([data] * 4, SPEC, frame_rate_hz=4)
        for data in (image, with_exif_rotation(image))
    )

    assert np.array_equal(video.windows_NTHWC, turned_video.windows_NTHWC)


def test_something_else_among_the_images_is_refused() -> None:
    images = [encode_image(barcode_frames(1)[0]), b"GIF89a" + bytes(20)]

    with pytest.raises(UnsupportedMediaError, match="needs JPEG or PNG"):
        images_to_windows(images, SPEC, frame_rate_hz=30)


@pytest.mark.parametrize("codec", ["png", "mjpeg"])
def test_image_that_ends_early_is_refused(codec: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    image = encode_image(noise, codec=codec)

    with pytest.raises(UndecodableMediaError, match="image"):
        images_to_windows([image[: len(image) // 2]] * 4, SPEC, frame_rate_hz=4)


def test_image_with_a_wrong_checksum_is_refused() -> None:
    image = bytearray(encode_image(barcode_frames(1)[0], codec="png"))
    image[16:24] = struct.pack(">II", 32, 32)

    with pytest.raises(UndecodableMediaError, match="image"):
        images_to_windows([bytes(image)] * 4, SPEC, frame_rate_hz=4)


def test_image_larger_than_the_limit_is_refused_by_its_header() -> None:
    image = bytearray(encode_image(barcode_frames(1)[0]))
    image[16:24] = struct.pack(">II", 50_000, 50_000)

    with pytest.raises(MediaLimitError, match="max_pixels: found 2500000000"):
        images_to_windows([bytes(image)] * 4, SPEC, frame_rate_hz=30)


def test_single_image_is_too_short() -> None:
    with pytest.raises(MediaTooShortError):
        images_to_windows(encode_all(barcode_frames(1)), SPEC, frame_rate_hz=30)
