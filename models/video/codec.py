"""What reading videos and images needs of FFmpeg alike: careful decoders, and scaling.

Tensor suffixes: H height, W width; the last axis of 3 is RGB.
"""

import av
import numpy as np
from av.codec.context import ThreadType
from av.video.reformatter import Interpolation, VideoReformatter

from models.errors import UndecodableMediaError
from models.spec import ClipSpec
from models.video.assembly import Picture, quarter_turns
from models.video.limits import DecodeLimits

# Mean difference to an exact area average, 640x480 scaled to 112x112: these flags 0.3 to 1.1 grey
# levels in 0.2 ms; the same without full chroma 1.7 to 18 (it halves the chroma first); bilinear
# with full chroma 0.9 to 6. Exact rounding makes every machine give the same bytes.
SCALER = (
    Interpolation.AREA
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
# Decoders check sizes padded to whole coding blocks; the margin leaves the exact check to us.
DECODER_PIXELS_MARGIN = 2


def decoder_options(limits: DecodeLimits) -> dict[str, str]:
    """Return the options under which FFmpeg refuses pictures that are far too large."""
    return {"max_pixels": str(limits.max_pixels * DECODER_PIXELS_MARGIN)}


def configure(
    context: av.VideoCodecContext, limits: DecodeLimits, *, num_threads: int = 1, **options: str
) -> None:
    """Set a decoder's options and threads before it decodes."""
    context.options = decoder_options(limits) | options
    context.thread_count = num_threads
    context.thread_type = ThreadType.SLICE


class Scaler:
    """Turns frames of any size into pictures of model size, uint8 RGB."""

    def __init__(self, spec: ClipSpec) -> None:
        self._spec = spec
        self._reformatter = VideoReformatter()

    def turn_and_scale(self, frame: av.VideoFrame) -> Picture:
        """Return the picture of a frame as its rotation metadata wants it shown."""
        return np.rot90(self.scale(frame), quarter_turns(frame))

    def scale_array(self, picture_HWC: Picture) -> Picture:
        """Return a picture, uint8 RGB of any size, in model size."""
        rgb = np.ascontiguousarray(picture_HWC)
        return self.scale(av.VideoFrame.from_ndarray(rgb, format="rgb24"))

    def scale(self, frame: av.VideoFrame) -> Picture:
        """Return the picture of a frame as it is stored, shape (H, W, 3)."""
        size_px = self._spec.size_px
        if self._spec.resize == "stretch":
            return _convert(self._reformatter, frame, size_px, size_px)
        factor = size_px / min(frame.width, frame.height)
        width_px, height_px = round(frame.width * factor), round(frame.height * factor)
        left, top = (width_px - size_px) // 2, (height_px - size_px) // 2
        picture = _convert(self._reformatter, frame, width_px, height_px)
        return picture[top : top + size_px, left : left + size_px]


def _convert(
    reformatter: VideoReformatter, frame: av.VideoFrame, width_px: int, height_px: int
) -> Picture:
    try:
        scaled = reformatter.reformat(
            frame, width_px, height_px, "rgb24", interpolation=SCALER, threads=1
        )
    except (av.FFmpegError, ValueError) as exc:
        raise UndecodableMediaError(f"cannot convert {frame.format.name} to RGB: {exc}") from exc
    plane = scaled.planes[0]  # its rows are padded
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    picture: Picture = rows[:, : 3 * width_px].reshape(height_px, width_px, 3)
    return picture
