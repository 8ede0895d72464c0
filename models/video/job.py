"""What is to be read of a video; no codec, so that who asks a worker for it needs none."""

import math
from dataclasses import dataclass
from functools import cached_property

from models.spec import ClipSpec
from models.video.limits import DEFAULT_LIMITS, DecodeLimits
from models.video.sampling import SampleGrid, sample_grid
from models.video.windows import DecodeMode


@dataclass(frozen=True, kw_only=True)
class DecodeJob:
    """A span of a video, and how it becomes windows.

    Attributes:
        spec: What a window is.
        stride_s: Distance of window starts; None for windows that do not overlap.
        start_s: Where the span starts. It begins with the frame that is shown then, and is treated
            as if it were a whole video.
        stop_s: Where the span stops; frames from there on do not exist.
        limits: What is accepted of the span.
        mode: `exact` gives the pictures that the codec defines, `fast` nearly those.
        num_threads: Slice threads of the decoder. One is best when there is a worker a core.
    """

    spec: ClipSpec
    stride_s: float | None = None
    start_s: float = 0.0
    stop_s: float = math.inf
    limits: DecodeLimits = DEFAULT_LIMITS
    mode: DecodeMode = "exact"
    num_threads: int = 1

    @cached_property
    def grid(self) -> SampleGrid:
        """The instants that are sampled.

        Raises:
            ValueError: If the stride is not positive and finite.
        """
        return sample_grid(self.spec, stride_s=self.stride_s)

    @property
    def is_whole(self) -> bool:
        """Whether the span is the whole video."""
        return self.start_s == 0 and self.stop_s == math.inf
