import numpy as np
import pytest
from numpy.typing import NDArray

from models.video.windows import VideoInfo, VideoWindows, WindowSpan

INFO = VideoInfo(
    container="frames",
    codec="rawvideo",
    width_px=8,
    height_px=8,
    rotation_degrees=0,
    frame_rate_hz=None,
    duration_s=1.0,
    num_frames=2,
)
SPAN = WindowSpan(start_s=0.0, stop_s=1.0, num_padded_frames=0)


@pytest.mark.parametrize(
    "windows",
    [
        np.zeros((2, 8, 8, 3), np.uint8),
        np.zeros((1, 2, 8, 8, 4), np.uint8),
        np.zeros((1, 2, 8, 8, 3), np.float32),
    ],
)
def test_windows_of_wrong_shape_or_dtype_cannot_be_made(windows: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="need uint8 NTHWC"):
        VideoWindows(windows_NTHWC=windows, spans=(SPAN,), info=INFO)


def test_every_window_needs_its_span() -> None:
    with pytest.raises(ValueError, match="2 windows have 1 spans"):
        VideoWindows(windows_NTHWC=np.zeros((2, 2, 8, 8, 3), np.uint8), spans=(SPAN,), info=INFO)
