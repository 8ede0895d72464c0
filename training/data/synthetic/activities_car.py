"""Activities with the car itself: doors, belt, display, and getting in and out."""

from dataclasses import replace

import numpy as np

from training.data.synthetic import props
from training.data.synthetic.cabin import (
    BACK_SEAT,
    BELT_REST,
    BUCKLE,
    BUTTON,
    DOOR_HINGE,
    PASSENGER_SEAT,
    SCREEN,
)
from training.data.synthetic.cast import DOWN, Cast, held, reach, still, track, visit
from training.data.synthetic.script import Hold, Point, Prop, Script, Target, Wobble

_OUTSIDE_FACE_DEG = -50.0


def sitting_still(cast: Cast) -> Script:
    """Do nothing but breathe."""
    return cast.idle()


def looking_around(cast: Cast) -> Script:
    """Look to several sides, turning the upper body along."""
    first = float(cast.random.choice([-1.0, 1.0]))
    turns = [first * cast.size(50) * (-1.0) ** index for index in range(3)]
    stops = (0.0, 0.28, 0.52, 0.76)
    yaw = [(0.0, 0.0), *((stop, turn) for stop, turn in zip(stops[1:], turns, strict=True))]
    twist = [(stop, turn * 0.45) for stop, turn in yaw]
    side = [(stop, turn * 0.10) for stop, turn in yaw]
    pitch = [(stop, cast.draw(-12, 32)) for stop in stops]
    lean = ((0.0, 0.0), (0.5, cast.draw(0, 16)), (1.0, cast.draw(0, 8)))
    return replace(
        cast.idle(),
        yaw=(*yaw, (1.0, 0.0)),
        twist=(*twist, (1.0, 0.0)),
        side=(*side, (1.0, 0.0)),
        pitch=tuple(pitch),
        lean=lean,
    )


def using_display(cast: Cast) -> Script:
    """Tap and swipe on the screen in the middle of the dashboard."""
    x, y, z = cast.near((SCREEN[0] - 0.06, SCREEN[1] + 0.03, SCREEN[2] - 0.01), 0.05)
    touch = Target("car", (x, y, z), palm=(0.8, 0.2, -0.6), elbow=(-0.2, -0.6, -1.0))
    rest = cast.resting("R")
    swipe = Wobble((0.0, cast.size(0.06), cast.size(0.02)), cast.draw(3, 5), 0.3, 0.72)
    tap = Wobble((0.025, 0.0, cast.size(0.035)), cast.draw(5, 8), 0.3, 0.72)
    come, go = cast.draw(0.12, 0.30), cast.draw(0.70, 0.90)
    arm = reach((0.0, rest), (come, touch), (go, touch), (1.0, rest), wobbles=(swipe, tap))
    return replace(
        cast.idle(),
        right=arm,
        yaw=visit(cast.draw(-42, -5), come, go),
        pitch=visit(cast.draw(2, 20), come, go),
        lean=visit(cast.draw(4, 16), come, go),
        twist=visit(cast.draw(-10, 4), come, go),
    )


def pressing_button(cast: Cast) -> Script:
    """Press the button on the console between the seats, once."""
    press = Target("car", (BUTTON[0] - 0.02, BUTTON[1], BUTTON[2] + 0.03), DOWN, (-0.6, -0.6, 0.4))
    above = Target("car", (BUTTON[0] - 0.03, BUTTON[1], BUTTON[2] + 0.11), DOWN, (-0.6, -0.6, 0.4))
    rest = cast.resting("R")
    keys = ((0.05, rest), (0.36, above), (0.48, press), (0.56, press), (0.67, above), (0.97, rest))
    return replace(
        cast.idle(),
        right=reach(*keys),
        yaw=visit(cast.draw(-30, -15), 0.35, 0.6),
        pitch=visit(cast.draw(18, 32), 0.35, 0.6),
        lean=visit(cast.draw(4, 14), 0.4, 0.6),
    )


def fetching_object(cast: Cast) -> Script:
    """Reach for something beside or behind the seat and take it to the lap."""
    is_behind = bool(cast.random.uniform() < 0.5)
    spot = cast.near(BACK_SEAT if is_behind else PASSENGER_SEAT, 0.04)
    far = Target("car", (spot[0], spot[1], spot[2] + 0.07), DOWN, (-0.4, -0.8, 0.3))
    middle = Target("hip", cast.near((0.30, -0.22, 0.38), 0.03), DOWN, (-0.2, -1.0, -0.6))
    lap = Target("lap", (0.04, -0.02, 0.12), (0.0, 0.6, -0.8), (-0.4, -0.8, -0.6))
    rest = cast.resting("R")
    there, away = cast.draw(0.22, 0.38), cast.draw(0.5, 0.62)
    arm = reach((0.03, rest), (there, far), (away, far), (away + 0.2, middle), (0.97, lap))
    in_hand = Hold("hand_R", (0.0, 0.03, -0.06))
    keys = held((away - 0.06, Hold("car", spot)), (away - 0.01, in_hand), (1.0, in_hand))
    twist = cast.draw(-52, -28) if is_behind else cast.draw(-24, -10)
    return replace(
        cast.idle(),
        right=arm,
        props=(Prop(props.make_thing(cast.random), keys),),
        twist=visit(twist, there, away, fade=0.3),
        yaw=visit(twist * 0.9, there, away, fade=0.3),
        side=visit(cast.draw(-22, -12), there, away, fade=0.3),
        lean=visit(cast.draw(-4, 4) if is_behind else cast.draw(6, 16), there, away, fade=0.3),
        pitch=track((away + 0.1, 4.0), (0.97, cast.draw(18, 32))),
    )


def _handle(opening_deg: float, distance: float, y: float, z: float) -> Point:
    """Return a point of the door, given in the closed door, when the door is open."""
    angle = np.radians(opening_deg)
    x_shut, y_shut = -distance, y - DOOR_HINGE[1]
    x = x_shut * np.cos(angle) + y_shut * np.sin(angle)
    out = -x_shut * np.sin(angle) + y_shut * np.cos(angle)
    return (float(DOOR_HINGE[0] + x), float(DOOR_HINGE[1] + out), z)


def opening_door_inside(cast: Cast) -> Script:
    """Push the door open from the seat."""
    wide = cast.draw(48, 66)
    points = [_handle(angle, 0.42, 0.40, 0.22) for angle in (0.0, 18.0, 40.0)]
    shut, ajar, away = (Target("car", point, (0.2, 1.0, 0), (-0.4, 0.3, -1)) for point in points)
    rest = cast.resting("L")
    arm = reach((0.02, rest), (0.25, shut), (0.34, shut), (0.52, ajar), (0.66, away), (0.98, rest))
    return replace(
        cast.idle(),
        left=arm,
        door=track((0.33, 0.0), (0.72, wide)),
        side=visit(cast.draw(10, 20), 0.35, 0.68),
        lean=visit(cast.draw(4, 14), 0.35, 0.68),
        twist=visit(cast.draw(8, 22), 0.35, 0.68),
        yaw=visit(cast.draw(20, 40), 0.25, 0.7),
        belt=track((0.0, 0.0)),
    )


def opening_door_outside(cast: Cast) -> Script:
    """Stand beside the car and pull the door open."""
    wide = cast.draw(45, 62)
    grips = [_handle(angle, 1.0, 0.55, 0.14) for angle in (0.0, wide * 0.5, wide * 0.85)]
    keys = [Target("car", grip, (0.3, -1.0, 0.0), (-0.3, 0.4, -1.0)) for grip in grips]
    hang_left = Target("hip", (0.05, 0.24, 0.02), (0.0, -1.0, 0.0), (-1.0, 0.3, 0.0))
    hang_right = Target("hip", (0.05, -0.24, 0.02), (0.0, 1.0, 0.0), (-1.0, -0.3, 0.0))
    arm = reach(
        (0.02, hang_right), (0.25, keys[0]), (0.33, keys[0]), (0.55, keys[1]), (0.74, keys[2]),
        (0.98, hang_right),
    )  # fmt: skip
    return replace(
        cast.idle(),
        left=still(hang_left),
        right=arm,
        outside=track((0.0, 1.0)),
        face=track((0.0, _OUTSIDE_FACE_DEG + cast.draw(-15, 15))),
        step=track((0.3, 0.42), (0.75, 0.52 + cast.draw(0, 0.08))),
        door=track((0.32, 0.0), (0.76, wide)),
        lean=visit(cast.draw(6, 16), 0.28, 0.6),
        pitch=visit(cast.draw(10, 25), 0.2, 0.6),
        belt=track((0.0, 0.0)),
    )


def entering_car(cast: Cast) -> Script:
    """Get in through the open door and sit down."""
    hang_left = Target("hip", (0.10, 0.26, 0.05), (0.0, -1.0, 0.0), (-1.0, 0.3, 0.0))
    hang_right = Target("hip", (0.12, -0.26, 0.08), (0.0, 1.0, 0.0), (-1.0, -0.3, 0.0))
    seated = replace(cast, rest="wheel" if cast.rest == "mixed" else cast.rest)
    door = cast.draw(55, 66)
    return replace(
        cast.idle(),
        left=reach((0.55, hang_left), (0.97, seated.resting("L"))),
        right=reach((0.3, hang_right), (0.8, seated.resting("R"))),
        outside=track((0.06, 1.0), (0.88, 0.0)),
        stoop=((0.1, 0.0), (0.5, cast.draw(0.8, 1.1)), (0.95, 0.0)),
        face=track((0.1, cast.draw(-50, -25)), (0.75, 0.0)),
        twist=visit(cast.draw(-16, 0), 0.45, 0.6),
        door=track((0.0, door)),
        belt=track((0.0, 0.0)),
    )


def fastening_belt(cast: Cast) -> Script:
    """Take the belt from beside the shoulder, pull it across and push it into the buckle."""
    side = cast.lead
    grab = Target("car", (BELT_REST[0] + 0.10, BELT_REST[1] - 0.05, 0.34), (0, 1, 0), (0, -0.3, -1))
    front = Target("chest", (0.30, 0.02, -0.12), (-0.6, 0.4, -0.4), (-0.2, -0.8, -0.8))
    buckle = Target("car", (BUCKLE[0] + 0.05, BUCKLE[1], 0.06), (0, -0.2, -1), (-0.4, -1.0, 0.2))
    rest = cast.resting(side)
    arm = reach(
        (0.02, rest), (0.27, grab), (0.34, grab), (0.52, front), (0.72, buckle), (0.80, buckle),
        (0.99, rest),
    )  # fmt: skip
    return replace(
        cast.script(lead=arm),
        belt=track((0.36, 0.0), (0.76, 1.0)),
        belt_side=side,
        belt_hand=track((0.28, 0.0), (0.34, 1.0)),
        yaw=((0.02, 0.0), (0.26, cast.draw(35, 60)), (0.36, 40.0), (0.7, -20.0), (1.0, 0.0)),
        pitch=visit(cast.draw(22, 36), 0.62, 0.8),
        twist=((0.02, 0.0), (0.28, cast.draw(8, 24)), (0.7, cast.draw(-14, -4)), (1.0, 0.0)),
    )
