"""Where the frames of an example are: a span of a video file, or a run of image files."""

import math
from dataclasses import dataclass
from pathlib import Path

from models.spec import ClipSpec
from models.video.decode import read_windows
from models.video.frames import images_to_windows
from models.video.windows import DecodeMode, VideoWindows


@dataclass(frozen=True, kw_only=True)
class VideoSpan:
    """A span of a video file.

    Attributes:
        path: The video file.
        start_s: Start of the span, in seconds after the first frame.
        stop_s: End of the span, exclusive; None is the end of the file.
    """

    path: Path
    start_s: float = 0.0
    stop_s: float | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that hold the frames."""
        return (self.path,)

    def read(self, spec: ClipSpec, *, mode: DecodeMode = "exact") -> VideoWindows:
        """Return the windows of the span, read as the service reads a video.

        Raises:
            MediaError: As `read_windows`.
            OSError: If the file cannot be read.
        """
        return read_windows(
            self.path,
            spec,
            start_s=self.start_s,
            stop_s=math.inf if self.stop_s is None else self.stop_s,
            mode=mode,
        )

    def __str__(self) -> str:
        stop = "end" if self.stop_s is None else f"{self.stop_s:.3f}"
        return f"{self.path} {self.start_s:.3f}-{stop}"


@dataclass(frozen=True, kw_only=True)
class ImageRun:
    """Image files that follow each other in time, at even distances, and fill one window.

    Attributes:
        files: JPEG or PNG files of one size, in their order.
    """

    files: tuple[Path, ...]

    def read(self, spec: ClipSpec, *, mode: DecodeMode = "exact") -> VideoWindows:
        """Return the one window of the run, read as the service reads a batch of images.

        Images are the same in every mode.

        Raises:
            MediaError: As `images_to_windows`.
            OSError: If a file cannot be read.
        """
        images = [path.read_bytes() for path in self.files]
        return images_to_windows(images, spec, frame_rate_hz=len(images) / spec.window_s)

    def __str__(self) -> str:
        return f"{self.files[0]} and {len(self.files) - 1} after it"
