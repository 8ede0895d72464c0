"""What a network is fed: how a window of video becomes a tensor."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

PositiveFloat = Annotated[FiniteFloat, Field(gt=0)]
Channels = tuple[FiniteFloat, FiniteFloat, FiniteFloat]
PositiveChannels = tuple[PositiveFloat, PositiveFloat, PositiveFloat]


class ClipSpec(BaseModel):
    """How a window of video becomes one clip, `frames_THWC` uint8 RGB.

    The spec travels in the card beside the weights, and training and serving read the same one.

    Attributes:
        num_frames: T, frames drawn from one window, evenly spaced in time.
        window_s: Length of one window in seconds.
        size_px: H and W of the clip.
        resize: `stretch` scales the whole picture to the square; `crop` scales the shorter side
            and keeps the center square.
        mean: Per channel (RGB) mean in 0-255, subtracted inside the network.
        std: Per channel (RGB) deviation in 0-255, divided by inside the network.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_frames: int = Field(default=16, ge=2, le=256)
    window_s: float = Field(default=3.0, gt=0, le=60)
    size_px: int = Field(default=112, ge=16, le=1024)
    resize: Literal["stretch", "crop"] = "stretch"
    mean: Channels = (128.0, 128.0, 128.0)
    std: PositiveChannels = (64.0, 64.0, 64.0)

    @property
    def clip_shape(self) -> tuple[int, int, int, int]:
        """Shape (T, H, W, C) of one clip."""
        return (self.num_frames, self.size_px, self.size_px, 3)
