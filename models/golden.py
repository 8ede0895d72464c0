"""A clip that anybody can make again, and what a model answered to it when it was made.

The hashes of the files say that a model is the one that was published. The golden clip says that
this engine on this processor computes it: int8 kernels without VNNI, for one, may saturate.

Axes: T frames, H W pixels, C channels, K classes.
"""

import random
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from models.errors import GoldenClipError
from models.reference import Ratio
from models.spec import ClipSpec

SUM_TOLERANCE = 1e-3
"""How far the probabilities may sum up from 1: what rounding to six digits leaves of many."""


class GoldenClip(BaseModel):
    """What a model answers to the clip of a seed.

    Attributes:
        seed: Of the clip, see `make_golden_clip`.
        probs_K: Its probabilities, in the order of the card's labels; they sum to 1.
        tolerance: How far any of them may be off on another engine or processor.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(ge=0, lt=2**32)
    probs_K: tuple[Ratio, ...] = Field(min_length=2)
    tolerance: float = Field(gt=0, le=0.5)

    @model_validator(mode="after")
    def _check_sum(self) -> Self:
        if abs(sum(self.probs_K) - 1) > SUM_TOLERANCE:
            raise ValueError(f"probabilities sum to {sum(self.probs_K):.6g}, not to 1")
        return self

    def check(self, probs_K: NDArray[np.float32]) -> None:
        """Check what a loaded model answers.

        Raises:
            GoldenClipError: If a probability is off by more than the tolerance.
        """
        difference = float(np.abs(probs_K - np.array(self.probs_K)).max())
        if not difference <= self.tolerance:
            raise GoldenClipError(
                f"the answer to the golden clip is off by {difference:.4g}, "
                f"accepted is at most {self.tolerance:g}"
            )


def make_golden_clip(spec: ClipSpec, *, seed: int) -> NDArray[np.uint8]:
    """Return the one window of a seed, shape (1, T, H, W, C): stripes that move.

    Only integers, and of Python's generator only what it promises never to change: the window is
    the same on every machine.

    Args:
        spec: What a window is.
        seed: Chooses width, slope, speed and color of the stripes.
    """
    rng = random.Random(seed)
    frame_step, row_step, column_step, channel_step = (1 + int(rng.random() * 40) for _ in range(4))
    t, h, w, c = np.ogrid[tuple(slice(size) for size in spec.clip_shape)]
    stripes_THWC = t * frame_step + h * row_step + w * column_step + c * channel_step
    window_THWC: NDArray[np.uint8] = (stripes_THWC % 256).astype(np.uint8)
    return window_THWC[None]
