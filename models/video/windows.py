"""What comes out of decoding: windows, where they lie, and what the video was.

Tensor suffixes: N windows of one video, T frames, H height, W width; the last axis of 3 is RGB.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

BLOCK_WINDOWS = 32
DecodeMode = Literal["exact", "fast"]
"""`exact` decodes the pictures that the codec defines, `fast` nearly those in a fifth less time.

Of the shipped int8 model's answers to 2,176 synthetic test clips, `fast` changes 42, where int8
weights change 76 of fp32's; balanced accuracy is 0.850 instead of 0.852. Hardly a loss, but other
answers: so it is not the default.
"""


@dataclass(frozen=True, kw_only=True)
class WindowSpan:
    """Where one window lies in its video.

    Attributes:
        start_s: Start of the window, in seconds after the first frame.
        stop_s: End of the window, `window_s` after its start even where the video ends earlier.
        num_padded_frames: How many of the window's frames repeat the last real frame because the
            video had ended.
    """

    start_s: float
    stop_s: float
    num_padded_frames: int


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What was decoded.

    Attributes:
        container: FFmpeg's name of the container, or `images`, `frames`, `clips`.
        codec: FFmpeg's name of the codec, or `rawvideo` for arrays.
        width_px: Width of a frame as it is shown, after rotation.
        height_px: Height of a frame as it is shown, after rotation.
        rotation_degrees: Counter-clockwise turn that the metadata asked for and that was applied.
        frame_rate_hz: Nominal frame rate, None when unknown.
        duration_s: Length of what was decoded, by timestamps, the last frame's duration included.
        num_frames: Frames that were walked over, not only those that were kept.
        decode: `exact` if the pictures are those that the codec defines, `fast` if nearly.
    """

    container: str
    codec: str
    width_px: int
    height_px: int
    rotation_degrees: int
    frame_rate_hz: float | None
    duration_s: float
    num_frames: int
    decode: DecodeMode = "exact"


@dataclass(frozen=True, kw_only=True)
class VideoWindows:
    """The windows of one video, ready for a network.

    Attributes:
        windows_NTHWC: uint8 RGB, T, H and W as the spec says, N at least 1.
        spans: Where each window lies; N of them, in order.
        info: What was decoded.
    """

    windows_NTHWC: NDArray[np.uint8]
    spans: tuple[WindowSpan, ...]
    info: VideoInfo

    def blocks(self) -> Iterator[NDArray[np.uint8]]:
        """Yield all windows in order, at most `BLOCK_WINDOWS` at a time."""
        for start in range(0, len(self.spans), BLOCK_WINDOWS):
            yield self.windows_NTHWC[start : start + BLOCK_WINDOWS]

    def __post_init__(self) -> None:
        shape = self.windows_NTHWC.shape
        if len(shape) != 5 or shape[-1] != 3 or self.windows_NTHWC.dtype != np.uint8:
            raise ValueError(f"windows are {self.windows_NTHWC.dtype} {shape}, need uint8 NTHWC")
        if shape[0] != len(self.spans):
            raise ValueError(f"{shape[0]} windows have {len(self.spans)} spans")
