"""Key frames over the phase of an activity, and the rotations they drive.

Shapes: `T` frames, `J` bones. The car frame is x forward, y to the driver's left, z up, in
meters, with its origin between the driver's hip joints.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Key = tuple[float, float]
Keys = Sequence[Key]


def minimum_jerk(phase: Array) -> Array:
    """Ease phases in [0, 1] along the minimum-jerk profile.

    Source: Flash and Hogan 1985, doi:10.1523/JNEUROSCI.05-07-01688.1985. The profile is its own
    reverse in time, so a reach played backwards is again a believable reach.
    """
    clipped = np.clip(phase, 0.0, 1.0)
    eased: Array = clipped**3 * (10.0 - 15.0 * clipped + 6.0 * clipped**2)
    return eased


def key_weights(phase_T: Array, times: Sequence[float]) -> Array:
    """Return the share (T, num keys) of every key in every frame; the rows sum to 1."""
    weights = np.zeros((len(phase_T), len(times)))
    weights[:, 0] = 1.0
    for index in range(1, len(times)):
        span = max(times[index] - times[index - 1], 1e-6)
        share_T = minimum_jerk((phase_T - times[index - 1]) / span)
        weights *= (1.0 - share_T)[:, None]
        weights[:, index] += share_T
    return weights


def sample(keys: Keys, phase_T: Array) -> Array:
    """Return the value (T,) of scalar keys `(phase, value)` in every frame."""
    values = np.array([value for _, value in keys])
    sampled: Array = key_weights(phase_T, [time for time, _ in keys]) @ values
    return sampled


def unit(vector: Array) -> Array:
    """Scale the last axis to length 1."""
    scaled: Array = vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)
    return scaled


def rotation(axis: int, angle_deg: Array | float) -> Array:
    """Return rotations (..., 3, 3) about a coordinate axis (0 x, 1 y, 2 z), right handed."""
    angle = np.radians(np.asarray(angle_deg, dtype=np.float64))
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.zeros((*angle.shape, 3, 3))
    matrix[..., axis, axis] = 1.0
    matrix[..., first, first] = matrix[..., second, second] = np.cos(angle)
    matrix[..., second, first] = np.sin(angle)
    matrix[..., first, second] = -np.sin(angle)
    return matrix


def yaw_pitch_roll(
    yaw_deg: Array | float, pitch_deg: Array | float, roll_deg: Array | float
) -> Array:
    """Return rotations that turn left by yaw, nod forward by pitch and tip left by roll."""
    tip_left = -np.asarray(roll_deg, dtype=np.float64)
    turned: Array = rotation(2, yaw_deg) @ rotation(1, pitch_deg) @ rotation(0, tip_left)
    return turned


def basis(direction: Array, normal: Array) -> Array:
    """Return right-handed frames whose columns are the direction, the normal and their cross."""
    forward = unit(direction)
    side = unit(normal - np.sum(normal * forward, axis=-1, keepdims=True) * forward)
    return np.stack([forward, side, np.cross(forward, side)], axis=-1)
