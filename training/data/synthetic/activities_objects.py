"""Activities with things to drink, to eat, and to work with."""

from dataclasses import replace

import numpy as np

from training.data.synthetic import props
from training.data.synthetic.cabin import PASSENGER_SEAT
from training.data.synthetic.cast import DOWN, Cast, held, reach, still, track, visit
from training.data.synthetic.props import BACKPACK_HEIGHT_M, BOTTLE_TOP_M, LAPTOP_DEPTH_M
from training.data.synthetic.script import HandScript, Hold, Point, Prop, Script, Target, Wobble

_LID_OPEN_DEG = 108.0
# Laptop on the thighs: the hinge is at its far edge.
_HINGE: Point = (0.20, 0.0, 0.04)


def opening_bottle(cast: Cast) -> Script:
    """Unscrew a bottle's cap and take it away."""
    sign = cast.sign
    x, y, z = cast.near((0.10, -sign * 0.03, 0.17), 0.025)
    grip = Target("lap", (x, y - sign * 0.05, z), (0.3, sign, 0.0), (-0.3, -sign * 0.8, -1.0))
    top = (x, y, z + BOTTLE_TOP_M + 0.035)
    on_cap = Target("lap", top, (0.2, -sign * 0.3, -1.0), (-0.3, sign, -0.2))
    lifted = Target(
        "lap", (x, y + sign * 0.08, top[2] + 0.10), (0, -sign, -0.6), (-0.3, sign, -0.4)
    )
    away = Target(
        "lap", (x + 0.02, y + sign * 0.27, z + 0.03), (0, -sign, -0.3), (-0.3, sign, -0.8)
    )
    twist = Wobble((0.016, 0.016 * sign, 0.0), cast.draw(7, 10), 0.32, 0.52)
    rest = cast.resting(cast.lead)
    arm = reach((0.0, rest), (0.26, on_cap), (0.55, on_cap), (0.70, lifted), (0.95, away),
                wobbles=(twist,))  # fmt: skip
    on_bottle = Hold(f"hand_{cast.other}", (0.0, sign * 0.05, BOTTLE_TOP_M + 0.012))
    taken = Hold(f"hand_{cast.lead}", (0.0, -sign * 0.01, -0.04))
    bottle = Hold(f"hand_{cast.other}", (0.0, sign * 0.05, 0.0))
    return replace(
        cast.script(lead=arm, other=still(grip)),
        props=(
            Prop(props.make_bottle(cast.random), held((0.0, bottle))),
            Prop(props.make_cap(cast.random), held((0.55, on_bottle), (0.59, taken))),
        ),
        pitch=track((0.0, cast.draw(14, 28))),
    )


def drinking(cast: Cast) -> Script:
    """Lift an open bottle or a cup to the mouth, tip it and put it back."""
    sign = cast.sign
    low = Target("lap", cast.near((0.12, sign * 0.08, 0.15), 0.05), (0, -sign, 0), (-0.3, sign, -1))
    high = Target("head", (0.23, sign * 0.05, 0.02), (0.0, -sign, 0.0), (0.2, sign, -0.8))
    start, stop = cast.draw(0.18, 0.40), cast.draw(0.60, 0.84)
    arm = reach((0.0, low), (start - 0.02, high), (stop + 0.02, high), (1.0, low))
    tip = cast.draw(35, 100)
    tips = ((0.0, 0.0), (start + 0.04, -tip), (stop - 0.04, -tip), (1.0, 0.0))
    name = f"hand_{cast.lead}"
    beside = (0.0, -sign * 0.05, 0.0)
    keys = tuple((time, Hold(name, beside, (0.0, turn, 0.0))) for time, turn in tips)
    make = props.make_bottle if cast.random.uniform() < 0.6 else props.make_cup
    return replace(
        cast.script(lead=arm),
        props=(Prop(make(cast.random), keys),),
        pitch=visit(-cast.draw(4, 24), start, stop),
    )


def eating(cast: Cast) -> Script:
    """Take two or three bites of something, chewing."""
    sign = cast.sign
    low = Target("hip", cast.near((0.33, sign * 0.10, 0.27)), (-0.4, -sign, 0), (-0.2, sign, -1))
    bite = Target("head", (0.16, sign * 0.03, -0.035), (-0.5, -sign, 0.2), (0.1, sign, -1.0))
    num_bites = int(cast.random.integers(2, 4))
    keys = [(0.0, low)]
    for index in range(num_bites):
        start = index / num_bites
        keys += [(start + 0.40 / num_bites, bite), (start + 0.55 / num_bites, bite)]
        keys += [(start + 1.0 / num_bites, low)]
    food = Hold(f"hand_{cast.lead}", (0.02, -sign * 0.045, 0.01))
    lap_box = Hold("lap", (0.05, -sign * 0.06, 0.0))
    with_box = cast.random.uniform() < 0.5
    plate = (Prop(props.make_lunch_box(cast.random), held((0.0, lap_box))),) if with_box else ()
    return replace(
        cast.script(lead=HandScript(tuple(keys))),
        props=(Prop(props.make_food(cast.random), held((0.0, food))), *plate),
        pitch=track((0.0, cast.draw(2, 12))),
        chew=cast.draw(1.5, 3.0),
        chew_cycles=cast.draw(5, 8),
    )


def preparing_food(cast: Cast) -> Script:
    """Cut and spread on the lap with a knife."""
    sign = cast.sign
    work = Target("lap", (0.02, sign * 0.09, 0.14), DOWN, (-0.3, sign, -0.4))
    hold = Target("lap", cast.near((0.04, -sign * 0.12, 0.10)), (0, sign, -1), (-0.3, -sign, -0.5))
    spread = Wobble((cast.size(0.05), 0.0, 0.012), cast.draw(4, 7), 0.02, 0.98)
    move = Wobble((0.0, cast.size(0.05), 0.02), cast.draw(1.2, 2.2), 0.02, 0.98, cast.draw(0, 1))
    help_ = Wobble((0.015, 0.02, 0.012), cast.draw(1.5, 3.0), 0.02, 0.98)
    food_box = Hold("lap", (0.07, 0.0, 0.01), (cast.draw(-15, 15), 0.0, 0.0))
    knife = Hold(f"hand_{cast.lead}", (0.05, -sign * 0.02, -0.03), (-sign * 35, 20.0, 0.0))
    return replace(
        cast.script(
            lead=reach((0.0, work), wobbles=(spread, move)),
            other=reach((0.0, hold), wobbles=(help_,)),
        ),
        props=(
            Prop(props.make_lunch_box(cast.random), held((0.0, food_box))),
            Prop(props.make_knife(), held((0.0, knife))),
        ),
        pitch=track((0.0, cast.draw(24, 36))),
    )


def interacting_with_phone(cast: Cast) -> Script:
    """Hold a phone before the chest and type on it."""
    sign = cast.sign
    x, y, z = cast.near((0.33, sign * 0.05, 0.27), 0.07)
    grip = Target("hip", (x, y + sign * 0.04, z), (-0.6, -sign, 0.3), (-0.2, sign * 0.7, -1.0))
    tap = Target(
        "hip", (x - 0.07, y - sign * 0.05, z + 0.03), (0.6, sign, -0.5), (-0.3, -sign, -0.8)
    )
    swipe = Wobble((0.02, 0.015, cast.size(0.035)), cast.draw(4, 8), 0.0, 1.0)
    uses_both = cast.random.uniform() < 0.45
    hold = Wobble((0.006, 0.006, 0.012), cast.draw(3, 6), 0.0, 1.0)
    phone = Hold(f"hand_{cast.lead}", (0.0, -sign * 0.04, 0.05), (0.0, cast.draw(15, 40), 0.0))
    return replace(
        cast.script(
            lead=reach((0.0, grip), wobbles=(hold,)),
            other=reach((0.0, tap), wobbles=(swipe,)) if uses_both else None,
        ),
        props=(Prop(props.make_phone(cast.random), held((0.0, phone))),),
        pitch=track((0.0, cast.draw(8, 34)), (1.0, cast.draw(16, 34))),
    )


def talking_on_phone(cast: Cast) -> Script:
    """Hold a phone to the ear and talk."""
    sign = cast.sign
    ear = Target("head", (0.05, sign * 0.12, 0.01), (0.0, -sign, 0.0), (-0.1, sign * 0.5, -1.0))
    phone = Hold("head", (0.045, sign * 0.095, 0.0), (90 * sign, 0.0, 0.0))
    gesture = Wobble((0.02, 0.03, cast.size(0.04)), cast.draw(1.5, 3.0), 0.1, 0.9)
    waves = cast.random.uniform() < 0.5
    spot = Target("hip", (0.34, -sign * 0.2, 0.27), (0.0, sign, 0.3), (-0.3, -sign, -1.0))
    return replace(
        cast.script(
            lead=still(ear), other=reach((0.0, spot), wobbles=(gesture,)) if waves else None
        ),
        props=(Prop(props.make_phone(cast.random), held((0.0, phone))),),
        tilt=track((0.0, sign * cast.draw(3, 12))),
        yaw=track((0.0, cast.draw(-15, 15)), (1.0, cast.draw(-15, 15))),
        chew=cast.draw(1.5, 4.0),
        chew_cycles=cast.draw(3, 6),
    )


def _laptop(cast: Cast, lid: tuple[tuple[float, float], ...]) -> tuple[Prop, Prop]:
    base, cover = props.make_laptop(cast.random)
    lids = tuple((time, Hold("lap", _HINGE, (0.0, angle, 0.0))) for time, angle in lid)
    return Prop(base, held((0.0, Hold("lap", _HINGE)))), Prop(cover, lids)


def _lid_edge(angle_deg: float, y: float) -> Target:
    angle = np.radians(angle_deg)
    x = _HINGE[0] - LAPTOP_DEPTH_M * float(np.cos(angle))
    z = _HINGE[2] + 0.03 + LAPTOP_DEPTH_M * float(np.sin(angle))
    return Target("lap", (x, y, z), (0.7, 0.0, -0.7), (-0.4, float(np.sign(y)), -0.6))


def _typing(side: str) -> Target:
    sign = 1.0 if side == "L" else -1.0
    return Target("lap", (0.06, sign * 0.09, 0.085), DOWN, (-0.5, sign, -0.5))


def opening_laptop(cast: Cast) -> Script:
    """Lift the lid of a laptop on the lap."""
    y = cast.sign * cast.draw(0.03, 0.10)
    times = (0.28, 0.40, 0.56, 0.72)
    angles = (0.0, 30.0, 72.0, _LID_OPEN_DEG)
    edges = [(time, _lid_edge(angle, y)) for time, angle in zip(times, angles, strict=True)]
    beside = Target("lap", (-0.03, cast.sign * 0.20, 0.04), DOWN, (-0.5, cast.sign, -0.6))
    arm = HandScript(((0.02, beside), *edges, (0.98, beside)))
    other_sign = -cast.sign
    hold = Target("lap", (0.05, other_sign * 0.20, 0.05), DOWN, (-0.5, other_sign, -0.5))
    return replace(
        cast.script(lead=arm, other=still(hold)),
        props=_laptop(cast, tuple(zip(times, angles, strict=True))),
        pitch=track((0.0, cast.draw(24, 34)), (1.0, cast.draw(14, 24))),
    )


def working_on_laptop(cast: Cast) -> Script:
    """Type on an open laptop on the lap."""
    hands = []
    for side in ("L", "R"):
        target = _typing(side)
        tap = Wobble((0.004, 0.012, cast.size(0.022)), cast.draw(6, 11), 0.0, 1.0, cast.draw(0, 1))
        drift = Wobble((0.012, 0.025, 0.0), cast.draw(1, 2.5), 0.0, 1.0, cast.draw(0, 1))
        hands.append(reach((0.0, target), wobbles=(tap, drift)))
    return replace(
        cast.idle(),
        left=hands[0],
        right=hands[1],
        props=_laptop(cast, ((0.0, _LID_OPEN_DEG + cast.draw(-8, 8)),)),
        pitch=track((0.0, cast.draw(18, 30))),
    )


def opening_backpack(cast: Cast) -> Script:
    """Unzip a backpack on the lap and fold its lid away."""
    sign = cast.sign
    bag, lid = props.make_backpack(cast.random)
    foot: Point = (0.12, 0.0, -0.01)
    top = foot[2] + BACKPACK_HEIGHT_M + 0.03
    start = Target("lap", (0.02, -sign * 0.13, top + 0.03), DOWN, (-0.3, sign, 0.0))
    stop = Target("lap", (0.02, sign * 0.15, top + 0.03), DOWN, (-0.3, sign, 0.0))
    lift = Target("lap", (0.08, sign * 0.08, top + 0.15), (0.6, 0, -0.6), (-0.3, sign, 0.0))
    over = Target("lap", (0.30, sign * 0.06, top + 0.12), (0.8, 0, -0.4), (-0.3, sign, 0.0))
    hold = Target("lap", (0.10, -sign * 0.19, 0.2), (0, sign, 0), (-0.3, -sign, -0.6))
    arm = reach((0.0, start), (0.12, start), (0.48, stop), (0.56, stop), (0.72, lift), (0.92, over))
    hinge: Point = (foot[0] + 0.11, 0.0, top - 0.015)
    angles = ((0.56, 0.0), (0.74, 70.0), (0.94, 160.0))
    lids = tuple((time, Hold("lap", hinge, (0.0, angle, 0.0))) for time, angle in angles)
    return replace(
        cast.script(lead=arm, other=still(hold)),
        props=(Prop(bag, held((0.0, Hold("lap", foot)))), Prop(lid, lids)),
        pitch=track((0.0, cast.draw(14, 26))),
    )


def putting_laptop_into_backpack(cast: Cast) -> Script:
    """Lift a shut laptop from the lap and lower it into a backpack on the passenger's side."""
    bag, _ = props.make_backpack(cast.random)
    x, y, z = cast.near((PASSENGER_SEAT[0] + 0.08, PASSENGER_SEAT[1] + 0.08, -0.02), 0.025)
    low, middle = (0.09, 0.0, 0.06), (x, y, z + BACKPACK_HEIGHT_M + 0.18)
    deep = (x, y, z + BACKPACK_HEIGHT_M * 0.55)
    flat, upright = (0.0, 0.0, 0.0), (0.0, -88.0, 0.0)
    half = LAPTOP_DEPTH_M / 2
    keys = (
        (0.18, Hold("lap", (low[0] + half, 0.0, low[2]), flat)),
        (0.50, Hold("car", (middle[0], middle[1], middle[2] + half), upright)),
        (0.80, Hold("car", (deep[0], deep[1], deep[2] + half), upright)),
    )
    base, cover = props.make_laptop(cast.random)
    return replace(
        cast.idle(),
        left=_carry(cast, "L", low, middle, deep),
        right=_carry(cast, "R", low, middle, deep),
        props=(Prop(bag, held((0.0, Hold("car", (x, y, z))))), Prop(base, keys), Prop(cover, keys)),
        twist=track((0.15, 0.0), (0.5, cast.draw(-32, -20))),
        lean=track((0.15, 2.0), (0.5, cast.draw(6, 14)), (0.8, cast.draw(12, 22))),
        side=track((0.15, 0.0), (0.55, cast.draw(-16, -8))),
        yaw=track((0.1, 0.0), (0.45, cast.draw(-36, -22))),
        pitch=track((0.0, cast.draw(18, 30))),
    )


def _carry(cast: Cast, side: str, low: Point, middle: Point, deep: Point) -> HandScript:
    sign = 1.0 if side == "L" else -1.0
    palm, elbow = (0.0, -sign, 0.0), (-0.3, sign, -0.8)
    grip = 0.17
    raise_by = LAPTOP_DEPTH_M * 0.5
    return reach(
        (0.0, Target("lap", (-0.02, sign * (grip + 0.06), 0.05), palm, elbow)),
        (0.17, Target("lap", (low[0], sign * grip, low[2]), palm, elbow)),
        (0.50, Target("car", (middle[0], middle[1] + sign * grip, middle[2]), palm, elbow)),
        (0.80, Target("car", (deep[0], deep[1] + sign * grip, deep[2] + raise_by), palm, elbow)),
        (0.98, Target("car", (deep[0] - 0.12, deep[1] + sign * 0.18, deep[2] + 0.26), palm, elbow)),
    )
