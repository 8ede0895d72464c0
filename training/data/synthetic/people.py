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
_SKIN_DARK = np.array([0.20, 0.12, 0.08])
_HAIR = (
    (0.03, 0.03, 0.03),
    (0.10, 0.06, 0.04),
    (0.28, 0.16, 0.08),
    (0.6, 0.45, 0.22),
    (0.5, 0.5, 0.5),
    (0.8, 0.8, 0.78),
)
_PATTERNS = ("plain", "stripes", "columns", "checks", "blotches", "yoke", "print")


@dataclass(frozen=True, kw_only=True)
class Fabric:
    """What a piece of clothing is made of.

    Attributes:
        color: Albedo.
        second: Albedo of its pattern.
        pattern: `plain`, `stripes`, `columns`, `checks`, `blotches`, `yoke` or `print`.
        scale_m: Size of the pattern.
    """

    color: Color
    second: Color
    pattern: str
    scale_m: float


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a person looks like; colors are albedos in [0, 1].

    Attributes:
        skin: Of face, neck, hands and bare arms.
        hair: Of head and beard.
        shirt: Upper body.
        trousers: Legs.
        shoes: Feet.
        jacket: What is put on and taken off.
        sleeve: How far the shirt's sleeves reach, 0 none to 1 the wrist.
        looseness_m: How far shirt and trousers stand off the body.
        hair_length: 0 to the ears, 1 over the shoulders.
        hair_m: Thickness of the hair.
        hat: Albedo of a cap, if one is worn.
        glasses: Albedo of the frame of glasses, if they are worn.
        beard: Whether there is one.
    """

    skin: Color
    hair: Color
    shirt: Fabric
    trousers: Fabric
    shoes: Color
    jacket: Fabric
    sleeve: float
    looseness_m: float
    hair_length: float
    hair_m: float
    hat: Color | None
    glasses: Color | None
    beard: bool


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
        glance_deg: How far the head turns while nothing asks for it.
        hesitation: How unevenly a movement goes, 0 not at all to 1 much.
        wears_belt_ratio: Share of the clips in which an idle belt is fastened.
    """

    is_right_handed: bool
    pace: float
    amplitude: float
    rest: str
    recline_deg: float
    sway: float
    glance_deg: float
    hesitation: float
    wears_belt_ratio: float


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The car of one person, and the weather.

    Attributes:
        seat: Color of the seats.
        trim: Color of doors and dashboard.
        belt: Color of the belt.
        sun_azimuth_deg: Usual direction of the sun about z, from x to y.
        sun_elevation_deg: Its usual height.
        sun_strength: Light of the sun on a surface that faces it.
        warmth: How much redder and less blue the sun is than white.
        ambient: Light from everywhere.
        outside: Brightness of what is seen through the windows.
        scenery_seed: Decides what is seen through the windows, and what lies about.
    """

    seat: Color
    trim: Color
    belt: Color
    sun_azimuth_deg: float
    sun_elevation_deg: float
    sun_strength: float
    warmth: float
    ambient: float
    outside: float
    scenery_seed: int


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
        stature_m=random.uniform(1.52, 1.94),
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


def draw_fabric(
    random: np.random.Generator,
    *,
    saturation: tuple[float, float],
    value: tuple[float, float],
    plain_ratio: float,
) -> Fabric:
    """Draw what a piece of clothing is made of."""
    is_plain = random.uniform() < plain_ratio
    return Fabric(
        color=draw_color(random, saturation=saturation, value=value),
        second=draw_color(random, saturation=saturation, value=(0.05, 0.95)),
        pattern="plain" if is_plain else str(random.choice(_PATTERNS[1:])),
        scale_m=random.uniform(0.03, 0.09),
    )


def _draw_phenotype(random: np.random.Generator) -> dict[str, float]:
    return {
        "gender": float(random.choice([random.uniform(0, 0.25), random.uniform(0.75, 1)])),
        "age": random.uniform(0.45, 1.0),
        "muscle": random.uniform(0.2, 0.85),
        "weight": random.uniform(0.2, 0.95),
        "height": random.uniform(0.35, 0.6),
        "proportions": random.uniform(0.2, 0.9),
    }


def _draw_look(random: np.random.Generator) -> Look:
    tone = random.uniform()
    skin = (_SKIN_LIGHT * (1 - tone) + _SKIN_DARK * tone) * random.uniform(0.9, 1.1, 3)
    red, green, blue = _HAIR[random.integers(len(_HAIR))]
    cloth: dict[str, tuple[float, float]] = {"saturation": (0.0, 0.85), "value": (0.03, 0.9)}
    hat = draw_color(random, value=(0.03, 0.8))
    glasses = draw_color(random, saturation=(0.0, 0.5), value=(0.02, 0.4))
    return Look(
        skin=(skin[0], skin[1], skin[2]),
        hair=(red, green, blue),
        shirt=draw_fabric(random, **cloth, plain_ratio=0.45),
        trousers=draw_fabric(random, saturation=(0.0, 0.6), value=(0.03, 0.6), plain_ratio=0.85),
        shoes=draw_color(random, saturation=(0.0, 0.4), value=(0.03, 0.4)),
        jacket=draw_fabric(random, saturation=(0.0, 0.8), value=(0.04, 0.7), plain_ratio=0.7),
        sleeve=float(random.choice([0.25, 0.55, 1.0], p=[0.4, 0.15, 0.45])),
        looseness_m=random.uniform(0.0, 0.018),
        hair_length=float(random.choice([random.uniform(0, 0.3), random.uniform(0.3, 1)])),
        hair_m=random.uniform(0.002, 0.035),
        hat=hat if random.uniform() < 0.18 else None,
        glasses=glasses if random.uniform() < 0.3 else None,
        beard=bool(random.uniform() < 0.2),
    )


def _draw_habit(random: np.random.Generator) -> Habit:
    return Habit(
        is_right_handed=bool(random.uniform() < 0.8),
        pace=random.uniform(0.8, 1.25),
        amplitude=random.uniform(0.75, 1.25),
        rest=str(random.choice(["wheel", "mixed", "lap"])),
        recline_deg=random.uniform(6.0, 24.0),
        sway=random.uniform(0.5, 1.8),
        glance_deg=random.uniform(2.0, 16.0),
        hesitation=random.uniform(0.1, 0.8),
        wears_belt_ratio=random.uniform(0.5, 1.0),
    )


def _draw_setting(random: np.random.Generator) -> Setting:
    return Setting(
        seat=draw_color(random, saturation=(0.0, 0.4), value=(0.05, 0.65)),
        trim=draw_color(random, saturation=(0.0, 0.3), value=(0.04, 0.5)),
        belt=draw_color(random, saturation=(0.0, 0.3), value=(0.02, 0.4)),
        sun_azimuth_deg=random.uniform(-180, 180),
        sun_elevation_deg=random.uniform(15, 65),
        sun_strength=float(random.choice([random.uniform(0, 0.3), random.uniform(0.3, 1.4)])),
        warmth=random.uniform(-0.08, 0.12),
        ambient=random.uniform(0.25, 0.7),
        outside=random.uniform(0.4, 3.0),
        scenery_seed=int(random.integers(2**31)),
    )
