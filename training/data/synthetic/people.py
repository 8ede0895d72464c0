"""Who drives: everything that differs from one synthetic person to the next.

A person's traits are drawn from the seed and the person's index alone, so the people of the
train, val and test splits never share them, and any person can be made without the others.
"""

import colorsys
from dataclasses import dataclass

import numpy as np

from training.data.synthetic.shapes import Color

# Hand-picked albedos from light to dark.
_SKIN_LIGHT = np.array([0.87, 0.66, 0.55])
_SKIN_DARK = np.array([0.24, 0.14, 0.09])
_HAIR = (
    (0.05, 0.04, 0.04),
    (0.16, 0.09, 0.05),
    (0.35, 0.2, 0.1),
    (0.6, 0.45, 0.22),
    (0.5, 0.5, 0.5),
)


@dataclass(frozen=True, kw_only=True)
class Look:
    """Colors (albedo in [0, 1]) of a person and how far the sleeves reach (0 short, 1 long)."""

    skin: Color
    hair: Color
    shirt: Color
    trousers: Color
    shoes: Color
    jacket: Color
    sleeve: float
    hair_length: float


@dataclass(frozen=True, kw_only=True)
class Habit:
    """How a person moves.

    Attributes:
        is_right_handed: Which hand takes the lead when either could.
        pace: Speed relative to the average person.
        amplitude: Size of the free movements relative to the average person.
        rest: Where idle hands stay: "wheel", "mixed" or "lap".
        recline_deg: How far the upper body leans back.
        sway: Size of the idle movements relative to the average person.
        wears_belt_ratio: Share of the clips in which an idle belt is fastened.
    """

    is_right_handed: bool
    pace: float
    amplitude: float
    rest: str
    recline_deg: float
    sway: float
    wears_belt_ratio: float


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The car, the camera and the light that one person is filmed with.

    Attributes:
        camera: Position of the camera in the car frame, meters.
        aim: The point it looks at.
        roll_deg: Rotation of the camera about its axis.
        field_of_view_deg: Full angle of the square picture.
        seat: Color of the seats.
        trim: Color of doors and dashboard.
        belt: Color of the belt.
        sun: Direction towards the light, length 1.
        sun_color: Its strength per channel.
        ambient: Strength of the light from everywhere, per channel.
        scenery_seed: Decides what is seen through the windows.
        noise: Standard deviation of the sensor's noise, in [0, 1].
    """

    camera: tuple[float, float, float]
    aim: tuple[float, float, float]
    roll_deg: float
    field_of_view_deg: float
    seat: Color
    trim: Color
    belt: Color
    sun: tuple[float, float, float]
    sun_color: Color
    ambient: Color
    scenery_seed: int
    noise: float


@dataclass(frozen=True, kw_only=True)
class Person:
    """One synthetic driver.

    Attributes:
        phenotype: Anny's phenotype parameters, each in [0, 1].
        stature_m: Height when standing.
    """

    phenotype: dict[str, float]
    stature_m: float
    look: Look
    habit: Habit
    setting: Setting


def draw_person(seed: int, person_index: int) -> Person:
    """Draw a driver; the same seed and index always give the same one."""
    random = np.random.default_rng([seed, person_index, 0])
    return Person(
        phenotype=_draw_phenotype(random),
        stature_m=random.uniform(1.60, 1.86),
        look=_draw_look(random),
        habit=_draw_habit(random),
        setting=_draw_setting(random),
    )


def draw_color(
    random: np.random.Generator,
    *,
    saturation: tuple[float, float] = (0.1, 0.9),
    value: tuple[float, float] = (0.1, 0.85),
) -> Color:
    """Draw a color of any hue."""
    return colorsys.hsv_to_rgb(
        random.uniform(), random.uniform(*saturation), random.uniform(*value)
    )


def _draw_phenotype(random: np.random.Generator) -> dict[str, float]:
    return {
        "gender": float(random.choice([random.uniform(0, 0.25), random.uniform(0.75, 1)])),
        "age": random.uniform(0.5, 0.95),
        "muscle": random.uniform(0.25, 0.8),
        "weight": random.uniform(0.25, 0.75),
        "height": random.uniform(0.35, 0.6),
        "proportions": random.uniform(0.3, 0.8),
    }


def _draw_look(random: np.random.Generator) -> Look:
    tone = random.uniform()
    skin = (_SKIN_LIGHT * (1 - tone) + _SKIN_DARK * tone) * random.uniform(0.93, 1.07, 3)
    red, green, blue = _HAIR[random.integers(len(_HAIR))]
    return Look(
        skin=(skin[0], skin[1], skin[2]),
        hair=(red, green, blue),
        shirt=draw_color(random),
        trousers=draw_color(random, saturation=(0.0, 0.6), value=(0.05, 0.5)),
        shoes=draw_color(random, saturation=(0.0, 0.4), value=(0.03, 0.4)),
        jacket=draw_color(random, saturation=(0.1, 0.8), value=(0.1, 0.7)),
        sleeve=float(random.choice([0.25, 0.55, 1.0], p=[0.35, 0.15, 0.5])),
        hair_length=random.uniform(0.0, 1.0),
    )


def _draw_habit(random: np.random.Generator) -> Habit:
    return Habit(
        is_right_handed=bool(random.uniform() < 0.8),
        pace=random.uniform(0.8, 1.25),
        amplitude=random.uniform(0.75, 1.25),
        rest=str(random.choice(["wheel", "mixed", "lap"])),
        recline_deg=random.uniform(8.0, 20.0),
        sway=random.uniform(0.5, 1.6),
        wears_belt_ratio=random.uniform(0.5, 1.0),
    )


def _draw_setting(random: np.random.Generator) -> Setting:
    camera = np.array([0.52, -1.0, 0.72]) + random.uniform(-1, 1, 3) * [0.06, 0.06, 0.05]
    aim = np.array([0.11, 0.05, 0.39]) + random.uniform(-0.03, 0.03, 3)
    azimuth, elevation = np.radians(random.uniform(-150, 0)), np.radians(random.uniform(25, 65))
    sun = (
        float(np.cos(elevation) * np.cos(azimuth)),
        float(np.cos(elevation) * np.sin(azimuth)),
        float(np.sin(elevation)),
    )
    strength, warmth = random.uniform(0.35, 0.85), random.uniform(-0.08, 0.08)
    ambient = random.uniform(0.42, 0.7)
    return Setting(
        camera=(camera[0], camera[1], camera[2]),
        aim=(aim[0], aim[1], aim[2]),
        roll_deg=random.uniform(-3, 3),
        field_of_view_deg=random.uniform(47, 53),
        seat=draw_color(random, saturation=(0.0, 0.4), value=(0.12, 0.6)),
        trim=draw_color(random, saturation=(0.0, 0.3), value=(0.12, 0.55)),
        belt=draw_color(random, saturation=(0.0, 0.3), value=(0.02, 0.25)),
        sun=sun,
        sun_color=(strength * (1 + warmth), strength, strength * (1 - warmth)),
        ambient=(ambient, ambient, ambient * (1 - warmth)),
        scenery_seed=int(random.integers(2**31)),
        noise=random.uniform(0.004, 0.02),
    )
