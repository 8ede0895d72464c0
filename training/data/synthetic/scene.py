"""One clip, ready to be rendered: who does what, and where everything is in every frame.

Shapes: `T` frames, `V` vertices, `J` bones, `N` points of a line.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.data.synthetic import props
from training.data.synthetic.activities import ACTIVITIES, Activity
from training.data.synthetic.body import BONE_INDEX, SPINE, Body
from training.data.synthetic.cabin import (
    BELT_ANCHOR,
    BELT_REST,
    BUCKLE,
    CUP_HOLDER,
    PASSENGER_SEAT,
    make_door,
    swing_door,
)
from training.data.synthetic.cast import Cast
from training.data.synthetic.config import CLIP_DURATION_S
from training.data.synthetic.people import Look, Person
from training.data.synthetic.pose import Frame, Idle, Posed, pose_body
from training.data.synthetic.script import Cloth, Hold, Point, Prop, Script
from training.data.synthetic.shapes import Shape, band, merge, strip
from training.data.synthetic.tracks import Array, basis, key_weights, sample, yaw_pitch_roll

_BELT_WIDTH_M = 0.05
_BELT_POINTS = 9
_NUM_PARTS = 5
_WORN_GLASSES: Point = (0.105, 0.0, 0.045)
_FAR_SEAT: Point = (0.10, -0.75, -0.08)
_CLUTTER: tuple[tuple[Callable[[np.random.Generator], Shape], Point], ...] = (
    (props.make_bottle, CUP_HOLDER),
    (props.make_thing, PASSENGER_SEAT),
    (lambda random: merge(props.make_backpack(random)[:1]), _FAR_SEAT),
    (props.make_notepad, _FAR_SEAT),
    (lambda random: merge(props.make_laptop(random)), (0.25, -0.70, -0.07)),
    (props.make_lunch_box, (0.15, -0.65, -0.10)),
)


@dataclass(frozen=True)
class Scene:
    """Everything that moves during one clip.

    Attributes:
        transforms_TJ34: What carries the body's vertices at rest into the car frame.
        things: Objects, door and belt as one mesh.
        things_TV3: Where the vertices of `things` are.
        jacket_T: How much of the jacket is worn.
    """

    transforms_TJ34: Array
    things: Shape
    things_TV3: Array
    jacket_T: Array


def make_scene(
    person: Person, body: Body, *, label: str, num_frames: int, random: np.random.Generator
) -> Scene:
    """Let a person perform an activity once."""
    activity = ACTIVITIES[label]
    cast = draw_cast(person, random)
    script = activity.perform(cast)
    phase_T = draw_phases(
        activity,
        person.habit.pace,
        num_frames=num_frames,
        random=random,
        hesitation=person.habit.hesitation,
    )
    clock_T = np.arange(num_frames) * CLIP_DURATION_S / num_frames
    first, second, third, fourth = random.uniform(size=4)
    posed = pose_body(
        body,
        script,
        phase_T=phase_T,
        clock_T=clock_T,
        idle=Idle(person.habit.sway, (first, second, third, fourth)),
        recline_deg=person.habit.recline_deg,
    )
    beside = (*_worn_things(person.look), *draw_clutter(random))
    return _assemble(person, body, script, posed, phase_T, beside)


def _worn_things(look: Look) -> tuple[Prop, ...]:
    """Return what sits on the head all the time."""
    worn = []
    if look.glasses is not None:
        worn.append(Prop(props.make_glasses(look.glasses), ((0.0, Hold("head", _WORN_GLASSES)),)))
    if look.hat is not None:
        worn.append(Prop(props.make_peak(look.hat), ((0.0, Hold("head", (0.14, 0.0, 0.10))),)))
    return tuple(worn)


def draw_clutter(random: np.random.Generator) -> tuple[Prop, ...]:
    """Draw things that lie about and are not used, so that to see a thing is not to know."""
    kinds = random.permutation(len(_CLUTTER))[: random.integers(0, 3)]
    return tuple(
        Prop(make(random), ((0.0, Hold("car", place, (random.uniform(-60, 60), 0.0, 0.0))),))
        for make, place in (_CLUTTER[kind] for kind in kinds)
    )


def draw_cast(person: Person, random: np.random.Generator) -> Cast:
    """Decide what a person's habits leave open for one clip."""
    habit = person.habit
    is_usual = random.uniform() < 0.85
    lead = "R" if habit.is_right_handed == is_usual else "L"
    rest = habit.rest if random.uniform() < 0.6 else str(random.choice(["wheel", "mixed", "lap"]))
    return Cast(
        random=random,
        habit=habit,
        lead=lead,
        rest=rest,
        is_belted=bool(random.uniform() < habit.wears_belt_ratio),
        wears_jacket=bool(random.uniform() < 0.25),
        jacket=person.look.jacket,
    )


def draw_phases(
    activity: Activity,
    pace: float,
    *,
    num_frames: int,
    random: np.random.Generator,
    hesitation: float,
) -> Array:
    """Return the phase of the script in every frame, (T,).

    A clip is a piece of the activity, as a chunk of Drive&Act is: somebody quick leaves pauses
    before and after, somebody slow begins or ends outside the clip. Pauses, cuts and hesitation are
    drawn alike for both directions, so that they say nothing about the direction.

    Args:
        activity: What is done.
        pace: Speed relative to the average person.
        num_frames: T.
        random: Source of what differs from clip to clip.
        hesitation: How unevenly the movement goes, 0 not at all to 1 much.
    """
    progress_T = (np.arange(num_frames) + 0.5) / num_frames
    if not activity.is_steady:
        active = float(np.clip(0.92 / pace * random.uniform(0.8, 1.4), 0.6, 1.3))
        start = random.uniform(0.0, 1.0) * (1.0 - active)
        progress_T = np.clip((progress_T - start) / active, 0.0, 1.0)
    progress_T = _hesitate(progress_T, hesitation, random)
    return 1.0 - progress_T if activity.is_reversed else progress_T


def _hesitate(progress_T: Array, hesitation: float, random: np.random.Generator) -> Array:
    """Go through the parts of a movement at speeds of their own."""
    durations = np.exp(hesitation * random.normal(size=_NUM_PARTS))
    ends = np.concatenate([[0.0], np.cumsum(durations) / durations.sum()])
    return np.interp(progress_T, ends, np.linspace(0.0, 1.0, _NUM_PARTS + 1))


def _assemble(
    person: Person,
    body: Body,
    script: Script,
    posed: Posed,
    phase_T: Array,
    beside: tuple[Prop, ...],
) -> Scene:
    transforms_TJ34 = posed.transforms(body)
    door = make_door(person.setting)
    shapes = [door]
    moves = [swing_door(door.vertices_V3, sample(script.door, phase_T))]
    for prop in (*script.props, *beside):
        shapes.append(prop.shape)
        moves.append(_move_prop(prop, posed.frames, phase_T))
    for cloth in script.cloths:
        shapes.append(cloth.shape)
        moves.append(_span_cloth(cloth, posed.frames, phase_T))
    belt_TV3 = _run_belt(body, script, posed, transforms_TJ34, phase_T)
    empty = np.zeros((_BELT_POINTS, 3))
    shapes.append(strip(empty, empty, person.setting.belt))
    moves.append(belt_TV3)
    jacket_T = sample(script.jacket, phase_T)
    return Scene(transforms_TJ34, merge(shapes), np.concatenate(moves, axis=1), jacket_T)


def _hold_path(
    keys: tuple[tuple[float, Hold], ...], frames: dict[str, Frame], phase_T: Array
) -> tuple[Array, Array]:
    """Return positions (T, 3) and rotations (T, 3, 3) of something that is held."""
    weights_TK = key_weights(phase_T, [time for time, _ in keys])
    place_T3 = np.zeros((len(phase_T), 3))
    axes_T33, turn_T3 = np.zeros((len(phase_T), 3, 3)), np.zeros((len(phase_T), 3))
    for weight_T, (_, hold) in zip(weights_TK.T, keys, strict=True):
        frame = frames[hold.frame]
        place_T3 += weight_T[:, None] * frame.place(np.asarray(hold.offset))
        axes_T33 += weight_T[:, None, None] * frame.turn_T33
        turn_T3 += weight_T[:, None] * np.asarray(hold.turn)
    axes_T33 = basis(axes_T33[:, :, 0], axes_T33[:, :, 1])
    return place_T3, axes_T33 @ yaw_pitch_roll(turn_T3[:, 0], turn_T3[:, 1], turn_T3[:, 2])


def _move_prop(prop: Prop, frames: dict[str, Frame], phase_T: Array) -> Array:
    place_T3, turn_T33 = _hold_path(prop.keys, frames, phase_T)
    moved: Array = prop.shape.vertices_V3 @ np.swapaxes(turn_T33, -1, -2) + place_T3[:, None]
    return moved


def _span_cloth(cloth: Cloth, frames: dict[str, Frame], phase_T: Array) -> Array:
    corners = [_hold_path(keys, frames, phase_T)[0] for keys in cloth.corners]
    share_N = np.linspace(0.0, 1.0, len(cloth.shape.vertices_V3) // 2)[:, None]
    sag_N = -0.10 * np.sin(np.pi * share_N) * [0.0, 0.0, 1.0]
    edges = [
        corners[first][:, None] * (1 - share_N) + corners[first + 1][:, None] * share_N + sag_N
        for first in (0, 2)
    ]
    return np.concatenate(edges, axis=1)


def _run_belt(
    body: Body, script: Script, posed: Posed, transforms_TJ34: Array, phase_T: Array
) -> Array:
    """Return the vertices (T, 2 N, 3) of the belt between its anchor and its tongue."""
    worn_TN3 = _worn_belt(body, transforms_TJ34)
    carried_T = sample(script.belt_hand, phase_T)[:, None]
    hand_T3 = posed.frames[f"hand_{script.belt_side}"].origin_T3
    tongue_T3 = np.asarray(BELT_REST) * (1 - carried_T) + hand_T3 * carried_T
    share_N = np.linspace(0.0, 1.0, _BELT_POINTS)[:, None]
    free_TN3 = np.asarray(BELT_ANCHOR) * (1 - share_N) + tongue_T3[:, None] * share_N
    fastened_T = sample(script.belt, phase_T)[:, None, None]
    line_TN3 = free_TN3 * (1 - fastened_T) + worn_TN3 * fastened_T
    normals_N3 = np.tile(np.array([0.85, -0.3, 0.45]), (_BELT_POINTS, 1))
    return np.stack([band(line_N3, _BELT_WIDTH_M, normals_N3) for line_N3 in line_TN3])


def _worn_belt(body: Body, transforms_TJ34: Array) -> Array:
    """Return the line (T, N, 3) of a fastened belt: over shoulder and chest to the buckle."""
    inner = _BELT_POINTS - 2
    shoulder, hip = body.joint("upperarm01.L"), body.joint("upperleg01.R")
    y_N = np.linspace(shoulder[1] * 0.62, hip[1] * 0.9, inner)
    z_N = np.linspace(shoulder[2] + 0.03, 0.09, inner)
    is_trunk_V = np.isin(body.bones_VW[:, 0], [BONE_INDEX[bone] for bone in (*SPINE, "root")])
    points_TN3 = [np.tile(np.asarray(BELT_ANCHOR), (len(transforms_TJ34), 1))]
    for y, z in zip(y_N, z_N, strict=True):
        gap_V = np.hypot(body.vertices_V3[:, 1] - y, body.vertices_V3[:, 2] - z)
        near = np.flatnonzero(is_trunk_V & (gap_V < max(0.05, gap_V[is_trunk_V].min() + 0.01)))
        vertex = near[np.argmax(body.vertices_V3[near, 0])]
        point = np.array([body.vertices_V3[vertex, 0] + 0.025, y, z, 1.0])
        points_TN3.append(transforms_TJ34[:, body.bones_VW[vertex, 0]] @ point)
    points_TN3.append(np.tile(np.asarray(BUCKLE), (len(transforms_TJ34), 1)))
    return np.stack(points_TN3, axis=1)
