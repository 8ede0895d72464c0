"""Activities with paper on the lap, and with things that are worn."""

from dataclasses import replace

import numpy as np

from training.data.synthetic import props
from training.data.synthetic.cast import DOWN, Cast, held, reach, still, track, visit
from training.data.synthetic.script import (
    Cloth,
    HandScript,
    Hold,
    Point,
    Prop,
    Script,
    Target,
    Wobble,
)
from training.data.synthetic.shapes import Shape

_FLIP: Point = (0.0, 0.0, 180.0)


def reading_magazine(cast: Cast) -> Script:
    """Hold a small, colorful magazine over the lap and turn a page."""
    height, tilt = cast.draw(0.17, 0.24), cast.draw(38, 55)
    center: Point = (0.17, 0.0, height)
    halves = _halves(props.make_magazine_half(cast.random), center, tilt, fold_deg=12)
    start = cast.draw(0.25, 0.55)
    leaf = props.make_pages((0.19, 0.26), (0.9, 0.88, 0.82), cast.random)
    turns = ((start, 0.0), (start + 0.3, 160.0))
    page = Prop(leaf, tuple((time, _page(center, tilt, angle)) for time, angle in turns))
    left = _paper_grip("L", center, 0.17, 0.05)
    across = Target("lap", (0.10, 0.0, height + 0.10), (0.6, 0.6, -0.4), (-0.3, -1.0, -0.7))
    right = _paper_grip("R", center, 0.17, 0.05)
    over = _paper_grip("L", center, 0.10, 0.02)
    arm = reach((start - 0.2, right), (start, right), (start + 0.15, across), (start + 0.3, over),
                (start + 0.5, right))  # fmt: skip
    return replace(
        cast.idle(),
        left=still(left),
        right=arm,
        props=(*halves, page),
        pitch=track((0.0, cast.draw(20, 32))),
        yaw=track((0.0, cast.draw(-6, 6)), (0.5, cast.draw(-6, 6)), (1.0, cast.draw(-6, 6))),
    )


def reading_newspaper(cast: Cast) -> Script:
    """Hold a large newspaper up with both hands, shaking it straight."""
    center: Point = (0.26, 0.0, cast.draw(0.24, 0.32))
    tilt = cast.draw(10, 28)
    half = props.make_newspaper_half(cast.random)
    halves = _halves(half, center, tilt, fold_deg=cast.draw(10, 30))
    shake = Wobble((0.012, 0.0, cast.size(0.016)), cast.draw(1.5, 3.5), 0.2, 0.7)
    return replace(
        cast.idle(),
        left=reach((0.0, _paper_grip("L", center, 0.27, 0.0)), wobbles=(shake,)),
        right=reach((0.0, _paper_grip("R", center, 0.27, 0.0)), wobbles=(shake,)),
        props=halves,
        pitch=track((0.0, cast.draw(4, 14))),
        yaw=track((0.0, cast.draw(4, 16)), (1.0, -cast.draw(4, 16))),
    )


def _paper_grip(side: str, center: Point, aside: float, above: float) -> Target:
    sign = 1.0 if side == "L" else -1.0
    place = (center[0] - 0.02, sign * aside, center[2] - 0.04 + above)
    return Target("lap", place, (0.3, -sign, 0.0), (-0.3, sign * 0.8, -1.0))


def _page(center: Point, tilt_deg: float, angle_deg: float) -> Hold:
    """Return a page that has been turned over by an angle, 0 lying on the right half."""
    return Hold("lap", center, (angle_deg - 170.0, tilt_deg * np.cos(np.radians(angle_deg)), 0.0))


def _halves(half: Shape, center: Point, tilt_deg: float, *, fold_deg: float) -> tuple[Prop, Prop]:
    left = Hold("lap", center, (fold_deg, tilt_deg, 0.0))
    mirrored = Shape(half.vertices_V3 * [1.0, -1.0, 1.0], half.faces_F3, half.colors_V3)
    right = Hold("lap", center, (-fold_deg, tilt_deg, 0.0))
    return Prop(half, held((0.0, left))), Prop(mirrored, held((0.0, right)))


def writing(cast: Cast) -> Script:
    """Write with a pen on a pad on the lap."""
    sign = cast.sign
    pad = Hold("lap", (0.08, sign * 0.02, 0.005), (sign * cast.draw(5, 20), -12.0, 0.0))
    left_end = Target("lap", (0.05, 0.07, 0.095), DOWN, (-0.4, sign, -0.4))
    right_end = Target("lap", (0.05, -0.08, 0.095), DOWN, (-0.4, sign, -0.4))
    scribble = Wobble((cast.size(0.016), 0.008, 0.006), cast.draw(8, 12), 0.0, 1.0)
    lines = reach((0.0, left_end), (0.62, right_end), (0.74, left_end), (1.0, right_end),
                  wobbles=(scribble,))  # fmt: skip
    hold = Target("lap", (0.02, -sign * 0.14, 0.05), DOWN, (-0.5, -sign, -0.5))
    pen = Hold(f"hand_{cast.lead}", (0.02, 0.0, -0.02), (0.0, -30.0, sign * 20))
    return replace(
        cast.script(lead=lines, other=still(hold)),
        props=(
            Prop(props.make_notepad(cast.random), held((0.0, pad))),
            Prop(props.make_pen(cast.random), held((0.0, pen))),
        ),
        pitch=track((0.0, cast.draw(26, 38))),
        yaw=track((0.0, sign * cast.draw(0, 8))),
    )


def putting_on_sunglasses(cast: Cast) -> Script:
    """Lift sunglasses from the lap to the face and let go of them."""
    sign = cast.sign
    low = Target("lap", cast.near((0.10, sign * 0.10, 0.12)), (0, -sign, 0.2), (-0.3, sign, -1.0))
    face = Target("head", (0.13, sign * 0.095, 0.03), (-0.2, -sign, 0.0), (0.1, sign, -0.9))
    rest = cast.resting(cast.lead)
    arm = reach((0.04, low), (0.46, face), (0.62, face), (0.96, rest))
    carried = Hold(f"hand_{cast.lead}", (0.03, -sign * 0.06, 0.03))
    worn = Hold("head", (0.112, 0.0, 0.045))
    helps = cast.random.uniform() < 0.4
    other_low = Target("lap", (0.08, -sign * 0.10, 0.12), (0, sign, 0.2), (-0.3, -sign, -1.0))
    other_face = Target("head", (0.13, -sign * 0.095, 0.03), (-0.2, sign, 0.0), (0.1, -sign, -0.9))
    other = reach((0.04, other_low), (0.46, other_face), (0.62, other_face),
                  (0.96, cast.resting(cast.other)))  # fmt: skip
    return replace(
        cast.script(lead=arm, other=other if helps else None),
        props=(Prop(props.make_sunglasses(cast.random), held((0.36, carried), (0.52, worn))),),
        pitch=visit(cast.draw(6, 18), 0.3, 0.55),
        yaw=track((0.0, cast.draw(-10, 10))),
    )


def putting_on_jacket(cast: Cast) -> Script:
    """Slip one arm into a jacket, lean forward, and slip the other in behind the back."""
    sign = cast.sign
    first, second = cast.lead, cast.other
    return replace(
        cast.script(lead=_first_sleeve(sign), other=_second_sleeve(-sign)),
        jacket=track((0.06, 0.0), (0.40, 0.45), (0.56, 0.5), (0.9, 1.0)),
        lean=((0.1, 2.0), (0.42, cast.draw(16, 26)), (0.68, cast.draw(10, 18)), (0.95, 0.0)),
        side=((0.1, 0.0), (0.5, -sign * cast.draw(6, 14)), (0.95, 0.0)),
        twist=((0.0, 0.0), (0.35, -sign * 12.0), (0.6, sign * cast.draw(10, 20)), (0.95, 0.0)),
        yaw=((0.0, sign * 15.0), (0.3, sign * 25.0), (0.55, -sign * 25.0), (0.95, 0.0)),
        pitch=((0.0, 15.0), (0.6, 12.0), (0.95, cast.draw(4, 18))),
        cloths=(_hanging_jacket(first, second, cast),),
        belt=track((0.0, 0.0)),
    )


def _first_sleeve(sign: float) -> HandScript:
    out: Point = (0.0, -sign, -0.3)
    return reach(
        (0.02, Target("hip", (0.36, sign * 0.08, 0.24), out, (-0.3, sign, -0.8))),
        (0.22, Target("hip", (0.48, sign * 0.22, 0.42), DOWN, (-0.1, sign, -0.8))),
        (0.42, Target("hip", (0.30, sign * 0.36, 0.50), DOWN, (-0.1, sign, -0.8))),
        (0.64, Target("hip", (0.32, sign * 0.24, 0.30), out, (-0.3, sign, -0.8))),
        (0.86, Target("chest", (0.20, sign * 0.07, -0.05), (-1, 0, 0), (-0.3, sign, -0.8))),
        (0.98, Target("chest", (0.22, sign * 0.06, -0.20), (-1, 0, 0), (-0.3, sign, -0.8))),
    )


def _second_sleeve(sign: float) -> HandScript:
    out: Point = (0.0, -sign, -0.3)
    return reach(
        (0.02, Target("hip", (0.40, -sign * 0.05, 0.26), out, (-0.3, sign, -0.8))),
        (0.22, Target("hip", (0.34, -sign * 0.14, 0.42), out, (-0.1, sign, -0.8))),
        (0.42, Target("chest", (0.12, -sign * 0.14, 0.06), out, (0.2, sign, -0.6))),
        (0.60, Target("hip", (-0.10, sign * 0.36, 0.26), out, (-0.8, sign, 0.0))),
        (0.76, Target("hip", (0.36, sign * 0.40, 0.46), DOWN, (-0.3, sign, -0.4))),
        (0.90, Target("chest", (0.20, sign * 0.07, -0.05), (-1, 0, 0), (-0.3, sign, -0.8))),
        (0.98, Target("chest", (0.22, sign * 0.06, -0.20), (-1, 0, 0), (-0.3, sign, -0.8))),
    )


def _hanging_jacket(first: str, second: str, cast: Cast) -> Cloth:
    """Return the part of the jacket that is not worn yet: from one arm to the other hand."""
    sign = cast.sign
    drop = -cast.draw(0.26, 0.36)
    behind = Hold("chest", (-0.10, -sign * 0.12, 0.0))
    low_behind = Hold("chest", (-0.08, -sign * 0.12, -0.2))
    shoulder = Hold("chest", (0.02, sign * 0.16, 0.06))
    low_shoulder = Hold("chest", (0.05, sign * 0.16, -0.25))
    held_by = f"hand_{second}"
    return Cloth(
        props.make_sheet(cast.jacket.color),
        (
            ((0.05, Hold(f"hand_{first}", (0.02, 0, 0.02))), (0.38, shoulder), (0.8, behind)),
            ((0.05, Hold(held_by)), (0.60, Hold(held_by)), (0.82, behind)),
            (
                (0.05, Hold(f"hand_{first}", (0.05, 0.0, drop))),
                (0.38, low_shoulder),
                (0.8, low_behind),
            ),
            (
                (0.05, Hold(held_by, (0.06, 0.0, drop))),
                (0.60, Hold(held_by, (0.06, 0.0, drop))),
                (0.82, low_behind),
            ),
        ),
    )
