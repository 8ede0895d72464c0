"""How much of a stranger's media is read before it is refused."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.errors import MediaLimitError, MediaTooShortError


@dataclass(frozen=True, kw_only=True)
class DecodeLimits:
    """Limits on what is decoded; over one, `MediaLimitError` names it.

    Attributes:
        max_pixels: Width times height of a frame. Default: the largest frame of H.264 level 5.1
            (ITU-T H.264 table A-1, 36,864 macroblocks), enough for 4K.
        max_aspect_ratio: Longer side by shorter side; cropping a ribbon would scale it to a
            picture far larger than the ribbon itself.
        max_duration_s: Length by timestamps. Default: ten minutes.
        max_frames: Frames walked over. Default: ten minutes at 60 Hz.
        max_windows: Windows of one video. Default: ten minutes at a stride of half a second.
        max_batch_bytes: A batch of images as raw RGB, T * H * W * 3.
        max_decoded_bytes: The pictures of a video as its codec stores them, those included that
            need no decoding. Default: ten minutes of full HD at 60 Hz take 112e9.
        max_streams: Streams of a file, sound and subtitles included, which are never read.
        min_frames: Fewer frames are `MediaTooShortError`; a shorter window is padded.
    """

    max_pixels: int = 4096 * 2304
    max_aspect_ratio: float = 16.0
    max_duration_s: float = 600.0
    max_frames: int = 36_000
    max_windows: int = 1_200
    max_batch_bytes: int = 2**30
    max_decoded_bytes: int = 2**37
    max_streams: int = 32
    min_frames: int = 2

    def check(self, limit: str, found: float) -> None:
        """Raise `MediaLimitError` if what was found is over the named limit."""
        accepted = getattr(self, limit)
        if found > accepted:
            raise MediaLimitError(limit, found, accepted)

    def check_size(self, width_px: int, height_px: int) -> None:
        """Check one picture's sides, both at least 1."""
        self.check("max_pixels", width_px * height_px)
        self.check("max_aspect_ratio", max(width_px, height_px) / max(1, min(width_px, height_px)))

    def check_batch(self, shape: Sequence[int]) -> None:
        """Check a batch of images or frames of shape (T, H, W, 3)."""
        num_frames, height_px, width_px = shape[:3]
        self.check("max_frames", num_frames)
        self.check_size(width_px, height_px)
        self.check("max_batch_bytes", num_frames * height_px * width_px * 3)

    def check_min_frames(self, num_frames: int) -> None:
        """Raise `MediaTooShortError` if there are fewer than `min_frames`."""
        if num_frames < self.min_frames:
            raise MediaTooShortError(num_frames, self.min_frames)


DEFAULT_LIMITS = DecodeLimits()
