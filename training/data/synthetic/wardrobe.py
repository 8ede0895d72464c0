"""What the body wears: a color per vertex, and the order in which a jacket covers it.

Shapes: `V` vertices.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.body import BONE_INDEX, NECK, SIDES, SPINE, Body
from training.data.synthetic.people import Look
from training.data.synthetic.tracks import Array

_UNCOVERED = 9.0
_SHOULDER = ("clavicle", "shoulder01")
_JACKET_M = 0.014
_EYE_M = 0.016
_OPEN_FRONT_M = 0.045


@dataclass(frozen=True)
class Wardrobe:
    """The clothes of a body.

    Attributes:
        colors_V3: Albedo without a jacket.
        jacket_V3: Albedo with a jacket on.
        order_V: Amount of "jacket worn" from which a vertex is covered; above 1 it never is.
    """

    colors_V3: Array
    jacket_V3: Array
    order_V: Array

    def dressed(self, worn: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return colors (V, 3) and paddings (V,) in meters for a jacket worn so far."""
        cover_V = np.clip((worn - self.order_V) / 0.02 + 1.0, 0.0, 1.0)
        cover_V *= float(worn > 0.0)
        colors_V3 = self.colors_V3 + cover_V[:, None] * (self.jacket_V3 - self.colors_V3)
        return colors_V3.astype(np.float32), (cover_V * _JACKET_M).astype(np.float32)


def make_wardrobe(body: Body, look: Look, *, first_sleeve: str) -> Wardrobe:
    """Dress a body.

    Args:
        body: Whom.
        look: The colors.
        first_sleeve: The side, "L" or "R", whose arm goes into the jacket first.
    """
    owner_V = body.bones_VW[:, 0]
    colors_V3 = np.tile(np.asarray(look.shirt), (len(owner_V), 1))
    _dress_legs(colors_V3, body, look)
    _show_skin(colors_V3, body, look)
    _color_head(colors_V3, body, look)
    order_V = _jacket_order(body, first_sleeve)
    jacket_V3 = np.tile(np.asarray(look.jacket), (len(owner_V), 1))
    return Wardrobe(colors_V3, jacket_V3, order_V)


def _is_any(body: Body, names: tuple[str, ...]) -> NDArray[np.bool_]:
    return np.isin(body.bones_VW[:, 0], [BONE_INDEX[name] for name in names])


def _dress_legs(colors_V3: Array, body: Body, look: Look) -> None:
    legs = tuple(f"{bone}.{side}" for side in SIDES for bone in ("upperleg01", "lowerleg01"))
    is_hip_V = _is_any(body, ("root", *SPINE[:2])) & (body.vertices_V3[:, 2] < 0.05)
    colors_V3[_is_any(body, legs) | is_hip_V] = look.trousers
    colors_V3[_is_any(body, tuple(f"foot.{side}" for side in SIDES))] = look.shoes


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


def _show_skin(colors_V3: Array, body: Body, look: Look) -> None:
    for side in SIDES:
        is_arm_V = _is_any(body, _arm_bones(side))
        colors_V3[is_arm_V & (_arm_share(body, side) > look.sleeve)] = look.skin
        colors_V3[_is_any(body, (f"wrist.{side}",))] = look.skin


def _color_head(colors_V3: Array, body: Body, look: Look) -> None:
    is_head_V = _is_any(body, NECK) & (body.vertices_V3[:, 2] > body.joint("neck01")[2] + 0.02)
    local_V3 = body.vertices_V3 - body.joint("head")
    x_V, y_V, z_V = local_V3.T
    is_back_V = (x_V < 0.02) & (z_V > -0.02 - 0.08 * look.hair_length)
    is_crown_V = (z_V > 0.10) & (x_V < 0.075) | (z_V > 0.105 + 0.1 * (x_V > 0.06))
    is_eye_V = np.hypot(np.abs(y_V) - 0.032, z_V - 0.042) < _EYE_M
    colors_V3[is_head_V] = look.skin
    colors_V3[is_head_V & (is_back_V | is_crown_V)] = look.hair
    colors_V3[is_head_V & is_eye_V & (x_V > 0.05)] = (0.06, 0.04, 0.04)


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
