"""Inverse kinematics of an arm: two bones, a hinge between them, and a forearm that rolls.

Shapes: `T` frames.
"""

import numpy as np

from training.data.synthetic.tracks import Array, basis, unit

_REACH_RATIO = 0.985
_ROLL_DEG = 120.0


def solve_elbow(
    start_T3: Array, goal_T3: Array, pole_T3: Array, upper: float, fore: float
) -> tuple[Array, Array]:
    """Return elbows and ends (T, 3) of an arm of two bones that reaches for the goals.

    A goal out of reach is approached along the straight line; the elbow bends towards the pole.
    """
    line_T3 = goal_T3 - start_T3
    shortest, longest = abs(upper - fore) * 1.1 + 0.02, (upper + fore) * _REACH_RATIO
    distance_T = np.clip(np.linalg.norm(line_T3, axis=-1), shortest, longest)
    towards_T3 = unit(line_T3)
    along_T = (upper**2 - fore**2 + distance_T**2) / (2 * distance_T)
    height_T = np.sqrt(np.maximum(upper**2 - along_T**2, 0.0))
    aside_T3 = pole_T3 - np.sum(pole_T3 * towards_T3, axis=-1, keepdims=True) * towards_T3
    elbow_T3 = start_T3 + along_T[:, None] * towards_T3 + height_T[:, None] * unit(aside_T3)
    return elbow_T3, start_T3 + distance_T[:, None] * towards_T3


def align(rest: Array, rest_normal: Array, direction_T3: Array, normal_T3: Array) -> Array:
    """Return rotations (T, 3, 3) that carry a bone at rest, and its normal, onto directions."""
    aligned: Array = basis(direction_T3, normal_T3) @ basis(rest, rest_normal).T
    return aligned


def palm_roll(fore_T33: Array, axis: Array, palm: Array, facing_T3: Array) -> Array:
    """Return how far, in degrees (T,), the forearm must roll for the palm to face somewhere.

    Args:
        fore_T33: Rotations of the forearm away from its rest.
        axis: The forearm at rest, length 1.
        palm: Where the palm faces at rest.
        facing_T3: Where it should face.
    """
    wanted_T3 = np.einsum("tba,tb->ta", fore_T33, facing_T3)
    wanted_T3 = wanted_T3 - (wanted_T3 @ axis)[:, None] * axis
    flat = unit(palm - (palm @ axis) * axis)
    sine_T, cosine_T = wanted_T3 @ np.cross(axis, flat), wanted_T3 @ flat
    roll_T: Array = np.degrees(np.arctan2(sine_T, cosine_T))
    return np.clip(roll_T, -_ROLL_DEG, _ROLL_DEG)


def about(axis: Array, angle_deg_T: Array) -> Array:
    """Return rotations about a fixed axis, by Rodrigues' formula."""
    x, y, z = unit(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle_T = np.radians(angle_deg_T)[:, None, None]
    turned: Array = np.eye(3) + np.sin(angle_T) * cross + (1 - np.cos(angle_T)) * cross @ cross
    return turned
