"""The cameras: where they sit in the car, and what one of them sees and does to a picture.

Positions follow the cameras of Drive&Act (Martin et al., ICCV 2019, figure 2: inner mirror, both
A-columns, ceiling, steering wheel), by eye, and add one before the passenger's door. Shapes: `P`
pixels in row order.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.tracks import Array, rotation, unit

_USUAL_STATURE_M = 1.7
# How much further up a seated head is for somebody taller, as a share of the difference.
_HEAD_SHARE = 0.5
_ASPECTS = (1.0, 1280 / 1024, 4 / 3, 4 / 3, 16 / 9)


@dataclass(frozen=True)
class Place:
    """Where a kind of camera is mounted, and how much that differs from car to car.

    Attributes:
        position: Meters, car frame.
        aim: The point it looks at.
        field_of_view_deg: Full angle of a square picture; a wider one shows more at its sides and
            a little less above and below.
        spread_m: Largest shift of the position per axis.
        aim_spread_m: Largest shift of the aim per axis.
        turn_deg: Largest rotation about its own axis.
    """

    position: tuple[float, float, float]
    aim: tuple[float, float, float]
    field_of_view_deg: float
    spread_m: tuple[float, float, float]
    aim_spread_m: float = 0.05
    turn_deg: float = 5.0


PLACES: dict[str, Place] = {
    "inner_mirror": Place((0.54, -0.34, 0.78), (0.04, 0.02, 0.33), 80.0, (0.04, 0.05, 0.04)),
    "a_column_co_driver": Place(
        (0.52, -1.0, 0.72), (0.11, 0.05, 0.38), 56.0, (0.10, 0.08, 0.08), turn_deg=7.0
    ),
    "a_column_driver": Place((0.58, 0.35, 0.70), (0.04, -0.05, 0.31), 84.0, (0.04, 0.04, 0.04)),
    "ceiling": Place((0.16, -0.30, 0.86), (0.14, 0.02, 0.12), 84.0, (0.05, 0.06, 0.02)),
    "steering_wheel": Place((0.43, 0.0, 0.38), (-0.12, 0.0, 0.42), 86.0, (0.02, 0.04, 0.03)),
    "passenger_side": Place(
        (0.22, -0.98, 0.60), (0.14, 0.08, 0.35), 66.0, (0.14, 0.09, 0.12), turn_deg=9.0
    ),
}
VIEWS: tuple[str, ...] = tuple(PLACES)
"""Names of the cameras."""


@dataclass(frozen=True)
class Sensor:
    """What a camera does to the light it gets.

    Attributes:
        is_infrared: Whether it sees near infrared: grey, and lit by a lamp of its own.
        lamp: Strength of that lamp at a distance of one meter.
        grey_mix: Shares of red, green and blue in a material's near-infrared albedo.
        level: Linear brightness that the exposure gives to the car, in [0, 1].
        contrast: Exponent of the tone curve.
        tint: Factors of the channels, from the white balance.
        blur: Share of light that a pixel gives to each of its neighbours along a row or column.
        exposure: Share of the previous frame that is still seen in a frame.
        noise: Standard deviation of the noise, in [0, 1].
        vignette: Loss of light in the corners.
        crf: x264's constant rate factor.
    """

    is_infrared: bool
    lamp: float
    grey_mix: tuple[float, float, float]
    level: float
    contrast: float
    tint: tuple[float, float, float]
    blur: float
    exposure: float
    noise: float
    vignette: float
    crf: int


@dataclass(frozen=True)
class Camera:
    """A mounted camera.

    Attributes:
        origin: Position, meters, car frame.
        rays_P3: Direction of every pixel, length 1, float32.
        sensor: What it does to the light.
    """

    origin: tuple[float, float, float]
    rays_P3: NDArray[np.float32]
    sensor: Sensor


def draw_camera(
    view: str, random: np.random.Generator, *, stature_m: float, size_px: int
) -> Camera:
    """Draw one person's camera of a view.

    Args:
        view: One of `VIEWS`.
        stature_m: Height of the person when standing, to whom the camera is turned.
        random: Source of all that differs from car to car.
        size_px: Height and width of the picture.
    """
    place = PLACES[view]
    position = np.asarray(place.position) + random.uniform(-1, 1, 3) * place.spread_m
    aim = np.asarray(place.aim) + random.uniform(-1, 1, 3) * place.aim_spread_m
    aim[2] += _HEAD_SHARE * (stature_m - _USUAL_STATURE_M)
    turn_deg = random.uniform(-place.turn_deg, place.turn_deg)
    field_of_view_deg = place.field_of_view_deg * random.uniform(0.9, 1.12)
    rays_P3 = pixel_rays(
        aim - position,
        turn_deg=turn_deg,
        field_of_view_deg=field_of_view_deg,
        aspect=float(random.choice(_ASPECTS)),
        size_px=size_px,
    )
    x, y, z = (float(value) for value in position)
    return Camera((x, y, z), rays_P3, _draw_sensor(random))


def pixel_rays(
    direction: Array, *, turn_deg: float, field_of_view_deg: float, aspect: float, size_px: int
) -> NDArray[np.float32]:
    """Return the directions (P, 3) of a pinhole camera's pixels, from the top left.

    The pictures of real cameras are wider than high, and a network sees them squeezed to a square;
    so are these.

    Args:
        direction: Where the camera looks.
        turn_deg: Rotation about that direction.
        field_of_view_deg: Full angle of a square picture; a wider one shows more at its sides and
            a little less above and below.
        aspect: Width of the picture as a share of its height.
        size_px: Height and width in pixels.
    """
    forward = unit(direction)
    right = unit(np.cross(forward, [0.0, 0.0, 1.0]))
    axes = np.stack([right, np.cross(right, forward), forward], axis=-1)
    axes = axes @ rotation(2, turn_deg)
    half = np.tan(np.radians(field_of_view_deg) / 2)
    steps = (np.arange(size_px) + 0.5) / size_px * 2 - 1
    across, down = np.meshgrid(steps * half * aspect**0.7, steps * half / aspect**0.3)
    local = np.stack([across, -down, np.ones_like(across)], axis=-1).reshape(-1, 3)
    return unit(local @ axes.T).astype(np.float32)


def _draw_sensor(random: np.random.Generator) -> Sensor:
    is_infrared = bool(random.uniform() < 0.35)
    mix = random.dirichlet([2.0, 2.0, 2.0])
    red, green, blue = random.uniform(0.94, 1.06, 3)
    return Sensor(
        is_infrared=is_infrared,
        lamp=random.uniform(0.3, 1.0) if is_infrared else 0.0,
        grey_mix=(float(mix[0]), float(mix[1]), float(mix[2])),
        level=random.uniform(0.08, 0.26) if is_infrared else random.uniform(0.10, 0.32),
        contrast=random.uniform(0.55, 1.0),
        tint=(red, green, blue),
        blur=random.uniform(0.0, 0.22),
        exposure=random.uniform(0.0, 0.3),
        noise=random.uniform(0.015, 0.06) if is_infrared else random.uniform(0.003, 0.035),
        vignette=random.uniform(0.0, 0.5),
        crf=int(random.integers(18, 33)),
    )
