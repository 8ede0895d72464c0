"""What an activity is, as data: key frames for torso, head, hands, car and objects.

A script knows no body and no frame rate. Phases run from 0 to 1 over the activity; the phase of a
reversed activity runs from 1 to 0, and nothing else differs between the two.
"""

from dataclasses import dataclass, field

from training.data.synthetic.shapes import Shape
from training.data.synthetic.tracks import Key

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Target:
    """A place for a hand.

    Attributes:
        frame: What the place moves with: "car", "hip", "chest", "head" or "lap".
        offset: Position in that frame, meters.
        palm: Where the palm should face, car frame.
        elbow: Where the elbow should point, car frame.
    """

    frame: str
    offset: Point
    palm: Point = (0.0, 0.0, -1.0)
    elbow: Point = (-0.3, 0.0, -1.0)


@dataclass(frozen=True)
class Wobble:
    """A sinusoidal movement of a hand on top of its keys.

    Attributes:
        amplitude: Largest shift per axis, meters, car frame.
        cycles: Periods per unit of phase.
        start: Phase in which it has grown to its full size.
        stop: Phase in which it starts to fade.
        offset: Part of a period by which it is shifted.
    """

    amplitude: Point
    cycles: float
    start: float
    stop: float
    offset: float = 0.0


@dataclass(frozen=True)
class HandScript:
    """Where a hand goes: `(phase, target)` keys, and movements on top of them."""

    keys: tuple[tuple[float, Target], ...]
    wobbles: tuple[Wobble, ...] = ()


@dataclass(frozen=True)
class Hold:
    """How an object is held from a phase on.

    Attributes:
        frame: What it moves with: a frame of `Target`, "hand_L" or "hand_R".
        offset: Position in that frame, meters. In a hand: from the palm, along the axes of the
            car.
        turn: Yaw, pitch and roll in degrees, in that frame.
    """

    frame: str
    offset: Point = (0.0, 0.0, 0.0)
    turn: Point = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Prop:
    """An object: its mesh and `(phase, hold)` keys between which it moves smoothly."""

    shape: Shape
    keys: tuple[tuple[float, Hold], ...]


@dataclass(frozen=True)
class Cloth:
    """A flat piece of cloth or paper, spanned in every frame by its four corners.

    Attributes:
        shape: A strip of 2 N vertices, whose first half hangs between the first two corners and
            whose second half between the last two.
        corners: For each corner the keys of its place.
    """

    shape: Shape
    corners: tuple[tuple[tuple[float, Hold], ...], ...]


@dataclass(frozen=True, kw_only=True)
class Script:
    """One activity.

    Attributes:
        left: The left hand.
        right: The right hand.
        lean: Degrees that the upper body leans forward.
        side: Degrees that it leans to the left.
        twist: Degrees that it turns to the left.
        yaw: Degrees that the head turns to the left.
        pitch: Degrees that the head nods down.
        tilt: Degrees that the head tips to the left.
        outside: 0 seated to 1 standing beside the car.
        stoop: 0 to 1, the bow of somebody who gets through the door.
        face: Degrees that the whole body turns to the left.
        step: Meters that somebody outside stands further back along the car.
        door: Degrees that the door is open.
        belt: 0 rolled up to 1 in the buckle.
        belt_hand: 0 to 1, how much the tongue of the belt follows the hand that carries it.
        belt_side: Which hand carries the tongue, "L" or "R".
        jacket: 0 not worn to 1 worn.
        props: Objects.
        cloths: Cloth and paper.
        chew: Size of small nods, degrees, at `chew_cycles` per unit of phase.
    """

    left: HandScript
    right: HandScript
    lean: tuple[Key, ...] = ((0.0, 0.0),)
    side: tuple[Key, ...] = ((0.0, 0.0),)
    twist: tuple[Key, ...] = ((0.0, 0.0),)
    yaw: tuple[Key, ...] = ((0.0, 0.0),)
    pitch: tuple[Key, ...] = ((0.0, 0.0),)
    tilt: tuple[Key, ...] = ((0.0, 0.0),)
    outside: tuple[Key, ...] = ((0.0, 0.0),)
    stoop: tuple[Key, ...] = ((0.0, 0.0),)
    face: tuple[Key, ...] = ((0.0, 0.0),)
    step: tuple[Key, ...] = ((0.0, 0.0),)
    door: tuple[Key, ...] = ((0.0, 0.0),)
    belt: tuple[Key, ...] = ((0.0, 0.0),)
    belt_hand: tuple[Key, ...] = ((0.0, 0.0),)
    belt_side: str = "R"
    jacket: tuple[Key, ...] = ((0.0, 0.0),)
    props: tuple[Prop, ...] = field(default=())
    cloths: tuple[Cloth, ...] = field(default=())
    chew: float = 0.0
    chew_cycles: float = 6.0
