"""What the body wears: a color per vertex, and the order in which a jacket covers it.

Shapes: `V` vertices.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.body import BONE_INDEX, NECK, SIDES, SPINE, Body
from training.data.synthetic.people import Fabric, Look
from training.data.synthetic.tracks import Array

_UNCOVERED = 9.0
_SHOULDER = ("clavicle", "shoulder01")
_JACKET_M = 0.014
_EYE_M = 0.011
_CAP_M = 0.02
_OPEN_FRONT_M = 0.045


@dataclass(frozen=True)
class Wardrobe:
    """The clothes of a body.

    Attributes:
        colors_V3: Albedo without a jacket.
        jacket_V3: Albedo with a jacket on.
        padding_V: How far hair, hat and clothes without a jacket stand off the body, meters.
        order_V: Amount of "jacket worn" from which a vertex is covered; above 1 it never is.
    """

    colors_V3: Array
    jacket_V3: Array
    padding_V: Array
    order_V: Array

    def dressed(self, worn: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return colors (V, 3) and paddings (V,) in meters for a jacket worn so far."""
        cover_V = np.clip((worn - self.order_V) / 0.02 + 1.0, 0.0, 1.0)
        cover_V *= float(worn > 0.0)
        colors_V3 = self.colors_V3 + cover_V[:, None] * (self.jacket_V3 - self.colors_V3)
        padding_V = self.padding_V + cover_V * _JACKET_M
        return colors_V3.astype(np.float32), padding_V.astype(np.float32)


def make_wardrobe(
    body: Body, look: Look, *, first_sleeve: str, random: np.random.Generator
) -> Wardrobe:
    """Dress a body.

    Args:
        body: Whom.
        look: What is worn.
        first_sleeve: The side, "L" or "R", whose arm goes into the jacket first.
        random: Draws where patterns lie.
    """
    vertices_V3 = body.vertices_V3.astype(np.float64)
    colors_V3 = weave(look.shirt, vertices_V3, random)
    padding_V = np.full(len(vertices_V3), look.looseness_m)
    is_leg_V = _find_legs(body)
    colors_V3[is_leg_V] = weave(look.trousers, vertices_V3, random)[is_leg_V]
    is_foot_V = _is_any(body, tuple(f"foot.{side}" for side in SIDES))
    colors_V3[is_foot_V] = look.shoes
    is_skin_V = _find_skin(body, look)
    colors_V3[is_skin_V] = look.skin
    padding_V[is_skin_V | is_foot_V] = 0.0
    _make_head(colors_V3, padding_V, body, look)
    order_V = _jacket_order(body, first_sleeve)
    return Wardrobe(colors_V3, weave(look.jacket, vertices_V3, random), padding_V, order_V)


def weave(fabric: Fabric, vertices_V3: Array, random: np.random.Generator) -> Array:
    """Return the albedo (V, 3) of a fabric on vertices at rest."""
    second_V = _PATTERNS[fabric.pattern](vertices_V3 / fabric.scale_m, fabric.scale_m, random)
    first, second = np.asarray(fabric.color), np.asarray(fabric.second)
    colors_V3: Array = np.where(second_V[:, None], second, first)
    # Folds and wear, so that no cloth is of one color.
    return np.clip(colors_V3 * random.uniform(0.88, 1.12, (len(vertices_V3), 1)), 0.0, 1.0)


def _blotches(scaled_V3: Array, random: np.random.Generator) -> Array:
    """Return smooth noise (V,) of mean 0 and period about 4."""
    waves = random.normal(0.0, 1.6, (6, 3))
    phases = random.uniform(0, 2 * np.pi, 6)
    blotches_V: Array = np.sin(scaled_V3 @ waves.T + phases).sum(axis=1)
    return blotches_V


_Pattern = Callable[[Array, float, np.random.Generator], NDArray[np.bool_]]
_PATTERNS: dict[str, _Pattern] = {
    "plain": lambda scaled_V3, scale_m, random: np.zeros(len(scaled_V3), dtype=np.bool_),
    "stripes": lambda scaled_V3, scale_m, random: np.sin(scaled_V3[:, 2] * np.pi) > 0,
    "columns": lambda scaled_V3, scale_m, random: np.sin(scaled_V3[:, 1] * np.pi) > 0,
    "checks": lambda scaled_V3, scale_m, random: (
        np.sin(scaled_V3[:, 1] * np.pi) * np.sin(scaled_V3[:, 2] * np.pi) > 0
    ),
    "blotches": lambda scaled_V3, scale_m, random: _blotches(scaled_V3, random) > 0.6,
    "yoke": lambda scaled_V3, scale_m, random: scaled_V3[:, 2] * scale_m > 0.34,
    "print": lambda scaled_V3, scale_m, random: (
        (np.abs(scaled_V3[:, 1]) * scale_m < 0.09)
        & (np.abs(scaled_V3[:, 2] * scale_m - 0.30) < 0.08)
        & (scaled_V3[:, 0] > 0)
    ),
}


def _is_any(body: Body, names: tuple[str, ...]) -> NDArray[np.bool_]:
    return np.isin(body.bones_VW[:, 0], [BONE_INDEX[name] for name in names])


def _find_legs(body: Body) -> NDArray[np.bool_]:
    legs = tuple(f"{bone}.{side}" for side in SIDES for bone in ("upperleg01", "lowerleg01"))
    is_hip_V = _is_any(body, ("root", *SPINE[:2])) & (body.vertices_V3[:, 2] < 0.05)
    is_leg_V: NDArray[np.bool_] = _is_any(body, legs) | is_hip_V
    return is_leg_V


def _arm_share(body: Body, side: str) -> Array:
    """Return how far down the arm vertices lie: 0 at the shoulder, 1 at the wrist and beyond."""
    joints = [body.joint(f"{bone}.{side}") for bone in ("upperarm01", "lowerarm01", "wrist")]
    is_fore_V = _is_any(body, tuple(f"{bone}.{side}" for bone in ("lowerarm01", "lowerarm02")))
    share_V = np.zeros(len(is_fore_V))
    for part, is_part_V in enumerate((~is_fore_V, is_fore_V)):
        along = joints[part + 1] - joints[part]
        local_V = (body.vertices_V3 - joints[part]) @ along / (along @ along)
        share_V = np.where(is_part_V, 0.5 * part + 0.5 * np.clip(local_V, 0, 1), share_V)
    is_hand_V = _is_any(body, (f"wrist.{side}",))
    return np.where(is_hand_V, 1.0, share_V)


def _arm_bones(side: str) -> tuple[str, ...]:
    bones = ("upperarm01", "upperarm02", "lowerarm01", "lowerarm02")
    return tuple(f"{bone}.{side}" for bone in bones)


def _find_skin(body: Body, look: Look) -> NDArray[np.bool_]:
    is_skin_V = _is_any(body, tuple(f"wrist.{side}" for side in SIDES)) | _find_head(body)
    for side in SIDES:
        is_skin_V |= _is_any(body, _arm_bones(side)) & (_arm_share(body, side) > look.sleeve)
    return is_skin_V


def _find_head(body: Body) -> NDArray[np.bool_]:
    is_above_V: NDArray[np.bool_] = body.vertices_V3[:, 2] > body.joint("neck01")[2] + 0.02
    return is_above_V & _is_any(body, NECK)


def _make_head(colors_V3: Array, padding_V: Array, body: Body, look: Look) -> None:
    is_head_V = _find_head(body)
    x_V, y_V, z_V = (body.vertices_V3 - body.joint("head")).T
    is_back_V = (x_V < 0.02) & (z_V > -0.02 - 0.10 * look.hair_length)
    is_crown_V = (z_V > 0.10) & (x_V < 0.075) | (z_V > 0.105 + 0.1 * (x_V > 0.06))
    is_eye_V = np.hypot(np.abs(y_V) - 0.032, z_V - 0.042) < _EYE_M
    is_chin_V = (x_V > 0.03) & (z_V < -0.022) & (z_V > -0.11)
    is_cap_V = is_head_V & (z_V > 0.085)
    is_hair_V = is_head_V & (is_back_V | is_crown_V)
    colors_V3[is_head_V & is_eye_V & (x_V > 0.05)] = (0.06, 0.04, 0.04)
    if look.beard:
        colors_V3[is_head_V & is_chin_V] = 0.6 * np.asarray(look.hair) + 0.4 * np.asarray(look.skin)
    colors_V3[is_hair_V] = look.hair
    padding_V[is_hair_V] = look.hair_m
    if look.hat is not None:
        colors_V3[is_cap_V] = look.hat
        padding_V[is_cap_V] = _CAP_M


def _jacket_order(body: Body, first_sleeve: str) -> Array:
    """Return first the one sleeve from the hand up, then the back, the other sleeve, the front."""
    order_V = np.full(len(body.vertices_V3), _UNCOVERED)
    sign = 1.0 if first_sleeve == "L" else -1.0
    x_V, y_V, z_V = body.vertices_V3.T
    trunk = (*SPINE, "root", *(f"{bone}.{side}" for side in SIDES for bone in _SHOULDER))
    is_trunk_V = _is_any(body, trunk) & (z_V > -0.02) & (z_V < body.joint("neck01")[2] + 0.01)
    back_V = 0.48 - 0.25 * sign * y_V
    front_V = 0.92 - 0.12 * sign * y_V
    middle_x = body.joint("spine03")[0] + 0.03
    order_V[is_trunk_V] = np.where(x_V > middle_x, front_V, back_V)[is_trunk_V]
    order_V[is_trunk_V & (x_V > middle_x) & (np.abs(y_V) < _OPEN_FRONT_M)] = _UNCOVERED
    for side, start, span in ((first_sleeve, 0.04, 0.36), (_opposite(first_sleeve), 0.62, 0.26)):
        is_arm_V = _is_any(body, _arm_bones(side))
        order_V[is_arm_V] = (start + span * (1.0 - _arm_share(body, side)))[is_arm_V]
    return order_V


def _opposite(side: str) -> str:
    return "L" if side == "R" else "R"
