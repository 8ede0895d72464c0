"""How long an upload will turn out to be, before it is decoded: what it brings to the queue."""

from io import BytesIO

from app.decoding import Blob
from app.uploads import Upload
from models.spec import ClipSpec
from models.video.length import stated_length_s

FIRST_BYTES_PER_S = 125_000.0
"""1 Mbit/s, a usual rate of small H.264 clips; videos that were decoded soon say better."""
LATEST_SHARE = 0.1


class LengthEstimator:
    """Estimates how many seconds of video uploads hold.

    A video that does not say it is taken to have the bit rate of those before it, which are
    averaged with weights that fall by a tenth from one to the next.

    Args:
        max_s: The longest that is accepted, so that no claim counts for more.
    """

    def __init__(self, *, max_s: float) -> None:
        self._max_s = max_s
        self._bytes_per_s = FIRST_BYTES_PER_S

    def estimate_s(self, upload: Upload, spec: ClipSpec, *, frame_rate_hz: float | None) -> float:
        """Return seconds that are left to decode, up to the longest that is accepted.

        Args:
            upload: What the client sent.
            spec: What a window is.
            frame_rate_hz: Rate of frames; None if they fill one window.
        """
        share = 1.0 if upload.head_start is None else upload.head_start.share_left
        return share * min(self._guess_s(upload, spec, frame_rate_hz), self._max_s)

    def learn(self, upload: Upload, duration_s: float) -> None:
        """Take in how long a video was."""
        bytes_per_s = upload.num_bytes / duration_s
        self._bytes_per_s += LATEST_SHARE * (bytes_per_s - self._bytes_per_s)

    def _guess_s(self, upload: Upload, spec: ClipSpec, frame_rate_hz: float | None) -> float:
        if upload.kind == "video":
            stated_s = _stated_s(upload.blobs[0])
            return upload.num_bytes / self._bytes_per_s if stated_s is None else stated_s
        if frame_rate_hz is None:
            return spec.window_s
        return _count_frames(upload, spec) / frame_rate_hz


def _stated_s(blob: Blob) -> float | None:
    if isinstance(blob, bytes):
        return stated_length_s(BytesIO(blob))
    with blob.open("rb") as file:
        return stated_length_s(file)


def _count_frames(upload: Upload, spec: ClipSpec) -> float:
    """Return how many pictures there are; of an array, how many of model size fit its bytes."""
    if upload.kind == "images":
        return len(upload.blobs)
    return upload.num_bytes / (3 * spec.size_px**2)
