"""Random views of a clip for training.

Tensor legend: T frames, H W pixels, C channels, V the 256 values of a byte.
"""

from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional as F

Ratio = Annotated[float, Field(ge=0, le=1)]


class AugmentConfig(BaseModel):
    """How far a training view may stray from the clip; all zero is the clip itself.

    Attributes:
        time_crop: Largest share of the window cut off at its ends.
        time_jitter: Whether each frame is drawn at random from its own stretch of time, instead
            of from that stretch's middle.
        hold_probability: How often a view shows fewer frames, each for longer, as slow cameras do:
            down to a quarter of them.
        space_crop: Largest share of the picture's side cut off.
        detail_loss: Largest share of the resolution lost, as to small pictures or a bad lens.
        gain: Largest relative change of brightness, for the picture and per channel by half.
        bias: Largest shift of all values, as a share of full scale.
        grey_probability: How often colour is taken away.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    time_crop: Ratio = 0.2
    time_jitter: bool = True
    hold_probability: Ratio = 0.0
    space_crop: Ratio = 0.2
    detail_loss: Ratio = 0.0
    gain: Ratio = 0.3
    bias: Ratio = 0.1
    grey_probability: Ratio = 0.2


def augment_clip(
    frames_THWC: NDArray[np.uint8],
    config: AugmentConfig,
    *,
    num_frames: int,
    size_px: int,
    rng: np.random.Generator,
) -> Tensor:
    """Return one random view of a clip.

    Args:
        frames_THWC: uint8 RGB, with at least as many frames as the view needs.
        config: How far the view may stray.
        num_frames: T of the view.
        size_px: H and W of the view.
        rng: Source of all randomness; the same state gives the same view.

    Returns:
        uint8 tensor, shape (num_frames, size_px, size_px, 3).
    """
    index_T = draw_frame_indices(len(frames_THWC), config, num_frames=num_frames, rng=rng)
    crop_THWC = torch.from_numpy(draw_crop(frames_THWC[index_T], config, rng=rng))
    if config.detail_loss > 0:
        crop_THWC = _resize(
            crop_THWC, max(1, round(size_px * (1 - config.detail_loss * rng.random())))
        )
    return change_light(_resize(crop_THWC, size_px), config, rng=rng)


def draw_frame_indices(
    num_available: int, config: AugmentConfig, *, num_frames: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Return the indices of `num_frames` frames in order of time, int, each < `num_available`."""
    length = num_available * (1 - config.time_crop * rng.random())
    start = (num_available - length) * rng.random()
    within_T = rng.random(num_frames) if config.time_jitter else np.full(num_frames, 0.5)
    step_T = np.arange(num_frames)
    if config.hold_probability > 0 and rng.random() < config.hold_probability:
        step_T = _hold(step_T, rng=rng)
    position_T = start + (step_T + within_T[step_T]) * length / num_frames
    return np.minimum(position_T.astype(np.intp), num_available - 1)


def _hold(step_T: NDArray[np.intp], *, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the steps of a slow camera, which stay the same until it gives its next frame."""
    num_frames = len(step_T)
    num_kept = int(rng.integers(max(1, num_frames // 4), num_frames + 1))
    kept_T = (step_T + rng.random()) * num_kept // num_frames
    return np.minimum(kept_T * num_frames / num_kept, num_frames - 1).astype(np.intp)


def draw_crop(
    frames_THWC: NDArray[np.uint8], config: AugmentConfig, *, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return the same random rectangle of every frame; its sides are drawn apart."""
    _, height, width, _ = frames_THWC.shape
    kept_height, kept_width = (
        round(side * (1 - config.space_crop * rng.random())) for side in (height, width)
    )
    top = int(rng.integers(height - kept_height + 1))
    left = int(rng.integers(width - kept_width + 1))
    cut_THWC = frames_THWC[:, top : top + kept_height, left : left + kept_width]
    return np.ascontiguousarray(cut_THWC)


def change_light(frames_THWC: Tensor, config: AugmentConfig, *, rng: np.random.Generator) -> Tensor:
    """Return uint8 frames under another light and sensor, the same for the whole clip."""
    if rng.random() < config.grey_probability:
        grey_THW = frames_THWC.float().mean(dim=-1).to(torch.uint8)
        frames_THWC = grey_THW.unsqueeze(-1).expand_as(frames_THWC)
    gain_C = 1 + config.gain * (rng.uniform(-1, 1) + 0.5 * rng.uniform(-1, 1, size=3))
    bias = 255 * config.bias * rng.uniform(-1, 1)
    table_VC = np.clip(np.arange(256)[:, None] * gain_C + bias, 0, 255).astype(np.uint8)
    before_THWC = frames_THWC.numpy()
    after_THWC = np.empty_like(before_THWC)
    for channel in range(3):
        after_THWC[..., channel] = table_VC[:, channel].take(before_THWC[..., channel])
    return torch.from_numpy(after_THWC)


def _resize(frames_THWC: Tensor, size_px: int) -> Tensor:
    resized_TCHW = F.interpolate(
        frames_THWC.permute(0, 3, 1, 2),
        size=(size_px, size_px),
        mode="bilinear",
        antialias=True,
    )
    return resized_TCHW.permute(0, 2, 3, 1)
