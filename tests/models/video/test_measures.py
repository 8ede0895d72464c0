import numpy as np
import pytest
from numpy.typing import NDArray

from models.video.measures import PIXEL_STEP, measure_brightness, measure_motion


def gray_windows(*values_T: int) -> NDArray[np.uint8]:
    """Return one window of even gray frames."""
    frames_THWC = np.empty((len(values_T), 16, 16, 3), np.uint8)
    frames_THWC[:] = np.array(values_T).reshape(-1, 1, 1, 1)
    return frames_THWC[None]


def test_brightness_is_the_mean_of_all_bytes() -> None:
    assert measure_brightness(gray_windows(0, 0)) == 0
    assert measure_brightness(gray_windows(255, 255)) == 1
    assert measure_brightness(gray_windows(51, 153)) == pytest.approx(102 / 255)


def test_brightness_weighs_the_three_colors_alike() -> None:
    red = gray_windows(0, 0)
    red[..., 0] = 255

    assert measure_brightness(red) == pytest.approx(1 / 3)


def test_motion_is_the_mean_change_from_frame_to_frame_in_either_direction() -> None:
    assert measure_motion(gray_windows(7, 7, 7)) == 0
    assert measure_motion(gray_windows(0, 255, 0)) == 1
    assert measure_motion(gray_windows(100, 90, 130)) == pytest.approx((10 + 40) / 2 / 255)


def test_motion_does_not_look_from_one_window_into_the_next() -> None:
    windows_NTHWC = np.concatenate([gray_windows(0, 0), gray_windows(255, 255)])

    assert measure_motion(windows_NTHWC) == 0
    assert measure_brightness(windows_NTHWC) == 0.5


def test_every_fourth_row_and_column_is_seen() -> None:
    windows_NTHWC = gray_windows(0, 0)
    windows_NTHWC[:, 1, ::PIXEL_STEP, ::PIXEL_STEP] = 255

    assert measure_motion(windows_NTHWC) == 1
    assert measure_brightness(windows_NTHWC) == 0.5


def test_sparse_pixels_stand_for_all_of_them() -> None:
    rng = np.random.default_rng(0)
    windows_NTHWC = rng.integers(0, 256, (2, 8, 112, 112, 3), dtype=np.uint8)

    whole = windows_NTHWC.mean() / 255
    change = np.abs(np.diff(windows_NTHWC.astype(float), axis=1)).mean() / 255

    # 37,632 bytes of noise: a standard error of 0.0015.
    assert measure_brightness(windows_NTHWC) == pytest.approx(whole, abs=0.005)
    assert measure_motion(windows_NTHWC) == pytest.approx(change, abs=0.005)
