"""The cabin of a left-hand-drive car: what stands still, what moves, and named places.

Car frame: x forward, y to the driver's left, z up, meters, origin between the seated hips.
"""

import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.people import Setting, draw_color
from training.data.synthetic.script import Point, Target
from training.data.synthetic.shapes import Color, Shape, box, cylinder, merge, ring, shade
from training.data.synthetic.tracks import Array, rotation

WHEEL_CENTER = (0.40, 0.0, 0.27)
WHEEL_RADIUS = 0.185
WHEEL_TILT_DEG = 25.0
SCREEN = (0.50, -0.33, 0.27)
BUTTON = (0.34, -0.27, 0.05)
DOOR_HINGE = (0.70, 0.47)
SILL_Z = 0.27
ROOF_Z = 0.90
BELT_ANCHOR = (-0.32, 0.38, 0.60)
BELT_REST = (-0.28, 0.40, 0.16)
BUCKLE = (-0.02, -0.25, 0.0)
BACK_SEAT: Point = (-0.42, -0.40, 0.30)
PASSENGER_SEAT: Point = (0.12, -0.52, 0.02)
CUP_HOLDER: Point = (0.20, -0.33, 0.11)
_DARK: Color = (0.05, 0.05, 0.06)
_PASSENGER_Y = -0.70
_FAR_SIDE_Y = -1.14


def wheel_grip(side: str, clock_deg: float) -> Target:
    """Return the place of a hand on the rim, `clock_deg` above the horizontal."""
    sign = 1.0 if side == "L" else -1.0
    angle = np.radians(clock_deg)
    rim = np.array([0.0, sign * WHEEL_RADIUS * np.cos(angle), WHEEL_RADIUS * np.sin(angle)])
    place = np.asarray(WHEEL_CENTER) + rotation(1, WHEEL_TILT_DEG) @ rim + [-0.03, 0.0, 0.01]
    return Target(
        "car",
        (float(place[0]), float(place[1]), float(place[2])),
        palm=(0.6, -sign * 0.8, -0.2),
        elbow=(-0.2, sign * 0.6, -1.0),
    )


def make_cabin(setting: Setting, *, recline_deg: float) -> Shape:
    """Make everything that stands still."""
    random = np.random.default_rng([setting.scenery_seed, 1])
    cabin = merge(
        [
            *_seats(setting.seat, recline_deg, random),
            *_front(setting.trim),
            *_shell(setting.trim),
            *_far_side(setting.trim),
            *_clutter(random),
        ]
    )
    # Wear and reflections, so that no surface is of one color.
    shade_V1 = random.uniform(0.75, 1.25, (len(cabin.vertices_V3), 1))
    return Shape(cabin.vertices_V3, cabin.faces_F3, np.clip(cabin.colors_V3 * shade_V1, 0.0, 1.0))


def _seats(color: Color, recline_deg: float, random: np.random.Generator) -> list[Shape]:
    darker = shade(color, 0.8)
    head = random.uniform(0.66, 0.74)
    back = merge(
        [
            box((0.12, 0.46, 0.62), color, (-0.21, 0.0, 0.26)),
            box((0.14, 0.07, 0.60), darker, (-0.18, 0.25, 0.25)),
            box((0.14, 0.07, 0.60), darker, (-0.18, -0.25, 0.25)),
            box((0.08, 0.24, 0.17), darker, (-0.21, 0.0, head)),
        ]
    )
    cushion = box((0.55, 0.54, 0.14), color, (0.14, 0.0, -0.17))
    return [
        cushion,
        cushion.moved((0.0, _PASSENGER_Y, 0.0)),
        back.moved((0.0, 0.0, 0.0), rotation(1, -recline_deg)),
        back.moved((0.0, _PASSENGER_Y, 0.0), rotation(1, -random.uniform(8, 25))),
        box((0.5, 1.5, 0.2), darker, (-1.0, -0.33, -0.1)),
        box((0.15, 1.5, 0.6), color, (-1.25, -0.33, 0.2)),
    ]


def _front(color: Color) -> list[Shape]:
    lighter = shade(color, 1.2)
    wheel = [
        ring(WHEEL_RADIUS, 0.028, _DARK),
        box((0.03, 2 * WHEEL_RADIUS, 0.035), _DARK),
        cylinder(0.055, 0.05, (0.15, 0.15, 0.16)).moved((0.0, 0.0, 0.0), rotation(1, 90)),
    ]
    return [
        merge(wheel).moved(WHEEL_CENTER, rotation(1, WHEEL_TILT_DEG)),
        box((0.24, 0.05, 0.05), _DARK, (0.52, 0.0, 0.22)),
        box((0.35, 1.0, 0.36), color, (0.80, 0.0, 0.12)),
        box((0.12, 0.42, 0.06), _DARK, (0.66, 0.0, 0.33)),
        box((0.02, 0.25, 0.17), _DARK, SCREEN),
        box((0.006, 0.23, 0.15), (0.25, 0.5, 0.85), (SCREEN[0] - 0.012, SCREEN[1], SCREEN[2])),
        box((0.75, 0.16, 0.16), lighter, (0.28, -0.33, -0.06)),
        box((0.05, 0.05, 0.03), (0.8, 0.08, 0.06), (BUTTON[0], BUTTON[1], BUTTON[2] - 0.015)),
    ]


def _shell(color: Color) -> list[Shape]:
    darker = shade(color, 0.6)
    slant = box((0.05, 0.05, 0.75), darker).moved((0.66, 0.46, 0.60), rotation(1, -35))
    return [
        box((0.9, 0.06, 0.60), color, (-0.95, 0.47, -0.03)),
        box((0.09, 0.06, 1.3), darker, (-0.44, 0.47, 0.27)),
        slant,
        box((1.2, 0.08, 0.06), darker, (-0.05, 0.47, ROOF_Z + 0.02)),
        box((1.6, 0.06, 0.06), darker, (-1.0, 0.47, ROOF_Z + 0.02)),
        box((2.4, 1.6, 0.03), _DARK, (0.0, -0.3, -0.42)),
        box((6.0, 6.0, 0.02), (0.30, 0.30, 0.31), (0.0, 3.5, -0.56)),
    ]


def _far_side(color: Color) -> list[Shape]:
    """Make roof, rear, and the passenger's side."""
    darker = shade(color, 0.6)
    y = _FAR_SIDE_Y
    return [
        box((1.8, 1.6, 0.03), (0.45, 0.44, 0.42), (-0.72, -0.33, ROOF_Z + 0.07)),
        box((0.30, 1.5, 0.04), darker, (-1.45, -0.33, 0.52)),
        box((0.08, 0.08, 0.5), darker, (-1.5, 0.40, 0.74)),
        box((0.08, 0.08, 0.5), darker, (-1.5, y + 0.07, 0.74)),
        box((1.3, 0.06, 0.60), color, (0.15, y, -0.03)),
        box((0.9, 0.06, 0.60), color, (-0.95, y, -0.03)),
        box((0.09, 0.06, 0.66), darker, (-0.44, y, 0.58)),
        box((2.4, 0.08, 0.06), darker, (-0.5, y, ROOF_Z + 0.02)),
        box((0.05, 0.05, 0.75), darker).moved((0.66, y, 0.60), rotation(1, -35)),
        box((0.03, 0.22, 0.06), _DARK, (0.60, -0.33, 0.82)),
    ]


def _clutter(random: np.random.Generator) -> list[Shape]:
    """Add a few things that differ from car to car and mean nothing."""
    parts = []
    for _ in range(random.integers(1, 4)):
        size = random.uniform(0.05, 0.16, 3)
        place = [random.uniform(0.66, 0.72), random.uniform(-0.45, -0.2), 0.30 + size[2] / 2]
        parts.append(box(size, draw_color(random), place))
    for _ in range(random.integers(0, 3)):
        size = random.uniform(0.08, 0.3, 3)
        place = [random.uniform(-1.1, -0.8), random.uniform(-0.3, 0.3), size[2] / 2]
        parts.append(box(size, draw_color(random), place))
    return parts


def make_door(setting: Setting) -> Shape:
    """Make the driver's door, closed; it turns about `DOOR_HINGE`."""
    color = setting.trim
    darker = shade(color, 0.6)
    lighter = shade(color, 1.5)
    return merge(
        [
            box((1.08, 0.05, 0.62), color, (0.16, 0.48, SILL_Z - 0.31)),
            box((0.50, 0.07, 0.06), lighter, (0.10, 0.43, 0.12)),
            box((0.12, 0.03, 0.04), (0.7, 0.7, 0.7), (0.36, 0.44, 0.20)),
            box((0.04, 0.04, 0.60), darker, (-0.36, 0.48, SILL_Z + 0.30)),
            box((0.85, 0.04, 0.035), darker, (0.05, 0.48, ROOF_Z - 0.04)),
        ]
    )


def swing_door(vertices_V3: Array, door_deg_T: Array) -> Array:
    """Return the door's vertices (T, V, 3) for opening angles in degrees."""
    hinge = np.array([*DOOR_HINGE, 0.0])
    turns_T33 = rotation(2, -door_deg_T)
    swung_TV3: Array = (vertices_V3 - hinge) @ np.swapaxes(turns_T33, -1, -2) + hinge
    return swung_TV3


def make_scenery(rays_P3: NDArray[np.float32], seed: int) -> NDArray[np.float32]:
    """Return what rays (P, 3) that leave the car see: sky, a skyline and the ground, (P, 3)."""
    random = np.random.default_rng([seed, 2])
    height_P = rays_P3[:, 2] / np.linalg.norm(rays_P3[:, :2], axis=-1)
    heading_P = np.arctan2(rays_P3[:, 1], rays_P3[:, 0])
    num_blocks = int(random.integers(6, 64))
    blocks = random.uniform(-0.05, random.uniform(0.1, 0.9), num_blocks)
    block_P = np.floor((heading_P + np.pi) / (2 * np.pi) * num_blocks).astype(int) % num_blocks
    # All green, or all brick, more often than a mixture.
    hue = random.uniform(0.92, 1.08, 3) * [1.0, random.uniform(1.0, 1.2), 1.0]
    tints = random.uniform(0.1, 0.7, (num_blocks, 1)) * hue
    tints = tints * random.uniform(0.94, 1.06, (num_blocks, 3))
    sky = np.array([0.55, 0.68, 0.85]) * random.uniform(0.6, 1.15)
    ground = np.array([0.35, 0.37, 0.30]) * random.uniform(0.4, 1.2)
    is_low_P = (height_P < random.uniform(-0.1, 0.05))[:, None]
    is_block_P = (height_P < blocks[block_P])[:, None]
    above_P3 = np.where(is_block_P, tints[block_P], sky + 0.3 * height_P[:, None])
    leaves_P = _leaves(heading_P, height_P, random)
    seen_P3 = np.where(is_low_P, ground, above_P3) * leaves_P[:, None]
    return np.clip(seen_P3, 0.0, 1.2).astype(np.float32)


def _leaves(heading_P: Array, height_P: Array, random: np.random.Generator) -> Array:
    """Return a fine, uneven brightness (P,) about 1, as of leaves and fronts of houses."""
    waves = random.normal(0.0, random.uniform(3, 25), (8, 2))
    phases = random.uniform(0, 2 * np.pi, 8)
    angles_P8 = np.stack([heading_P, height_P], axis=-1) @ waves.T + phases
    leaves_P: Array = 1.0 + random.uniform(0.0, 0.25) * np.sin(angles_P8).sum(axis=1)
    return np.clip(leaves_P, 0.2, 2.0)
