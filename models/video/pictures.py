"""What is accepted of a video's pictures: their form, their size, and what all of them take.

Sizes and pixel formats may change within a video, as they do when a camera turns its picture or a
stream changes its quality: every picture is scaled to model size by itself, and each new form is
held to the same limits, before anything is made of the first picture that has it.
"""

from typing import Protocol

from models.errors import UnsupportedMediaError
from models.video.limits import DecodeLimits

# By FFmpeg's names: what cameras, screens and phones record, 8 or 10 bits a component, and what PNG
# images and uncompressed video have. Others have converters that nothing here would ever test.
PIXEL_FORMATS = frozenset(
    [
        *("gray", "gray10le", "gray16be", "gray16le", "monob", "monow", "pal8", "ya8", "ya16be"),
        *("yuv420p", "yuv422p", "yuv444p", "yuva420p", "nv12", "nv21"),
        *("yuvj420p", "yuvj422p", "yuvj440p", "yuvj444p", "yuyv422", "uyvy422"),
        *("yuv420p10le", "yuv422p10le", "yuv444p10le"),
        *("rgb24", "bgr24", "rgba", "bgra", "argb", "abgr", "rgb0", "bgr0", "0rgb", "0bgr"),
        *("gbrp", "gbrp10le", "rgb48be", "rgba64be", "rgb8", "bgr8", "rgb555le", "rgb565le"),
    ]
)


class PixelFormat(Protocol):
    """How a picture is stored: an av.VideoFormat has it."""

    @property
    def name(self) -> str:
        """FFmpeg's name of it."""
        ...

    @property
    def padded_bits_per_pixel(self) -> int:
        """Bits that a pixel takes in memory."""
        ...


class StoredPicture(Protocol):
    """A picture as it was decoded: an av.VideoFrame has it."""

    @property
    def width(self) -> int:
        """Width in pixels."""
        ...

    @property
    def height(self) -> int:
        """Height in pixels."""
        ...

    @property
    def format(self) -> PixelFormat:
        """How its pixels are stored."""
        ...


class PictureMeter:
    """Checks the form of each picture of a video, and adds up what they take.

    Args:
        limits: What is accepted.
    """

    def __init__(self, limits: DecodeLimits) -> None:
        self._limits = limits
        self._form: tuple[int, int, str] | None = None
        self._picture_bytes = 0
        self._num_bytes = 0

    def check(self, picture: StoredPicture) -> None:
        """Check a picture if its size or pixel format is not that of the one before.

        Raises:
            UnsupportedMediaError: If its pixel format is not accepted.
            MediaLimitError: If its size is over a limit.
        """
        form = (picture.width, picture.height, picture.format.name)
        if form != self._form:
            self._limits.check_size(picture.width, picture.height)
            check_pixel_format(picture.format)
            self._form = form
            self._picture_bytes = stored_bytes(picture.width, picture.height, picture.format)

    def count(self) -> None:
        """Count a picture of the last form, whether it was decoded or not.

        Raises:
            MediaLimitError: If all so far take more than they may.
        """
        self._num_bytes += self._picture_bytes
        self._limits.check("max_decoded_bytes", self._num_bytes)


def check_pixel_format(pixels: PixelFormat) -> None:
    """Raise `UnsupportedMediaError` unless a pixel format is accepted."""
    if pixels.name not in PIXEL_FORMATS:
        accepted = ", ".join(sorted(PIXEL_FORMATS))
        raise UnsupportedMediaError(f"pixel format is {pixels.name}, accepted are {accepted}")


def stored_bytes(width_px: int, height_px: int, pixels: PixelFormat) -> int:
    """Return how many bytes one picture takes in memory, rows not padded."""
    return width_px * height_px * pixels.padded_bits_per_pixel // 8
