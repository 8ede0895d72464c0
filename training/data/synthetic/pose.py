"""Turn a script's keys into bone transforms: forward kinematics, then two-bone arms.

Shapes: `T` frames, `J` bones.
"""

from dataclasses import dataclass

import numpy as np

from training.data.synthetic.body import BONE_INDEX, BONES, NECK, SIDES, SPINE, Body
from training.data.synthetic.ik import about, align, palm_roll, solve_elbow
from training.data.synthetic.script import HandScript, Script, Target, Wobble
from training.data.synthetic.tracks import (
    Array,
    basis,
    key_weights,
    minimum_jerk,
    rotation,
    sample,
    unit,
    yaw_pitch_roll,
)

# Where the hips of somebody who stands beside the open door are, for hips 0.88 m above the ground.
_BESIDE_DOOR = np.array([0.02, 0.82, 0.33])
_THIGH_UP_DEG = 12.0
_KNEES_OUT_DEG = 9.0
_SHIN_FORWARD_DEG = 38.0


@dataclass(frozen=True)
class Frame:
    """A moving frame of reference: origins (T, 3) and rotations (T, 3, 3) in the car frame."""

    origin_T3: Array
    turn_T33: Array

    def place(self, offset: Array) -> Array:
        """Return where a point of this frame is in the car frame, (T, 3)."""
        placed: Array = self.origin_T3 + self.turn_T33 @ np.asarray(offset, dtype=float)
        return placed


@dataclass(frozen=True)
class Posed:
    """A body in motion.

    Attributes:
        turns_TJ33: Rotation of every bone away from its rest.
        joints_TJ3: Where every bone starts.
        frames: Named frames that objects can move with.
    """

    turns_TJ33: Array
    joints_TJ3: Array
    frames: dict[str, Frame]

    def transforms(self, body: Body) -> Array:
        """Return (T, J, 3, 4): what carries a vertex at rest into the car frame."""
        shift = self.joints_TJ3 - np.einsum("tjab,jb->tja", self.turns_TJ33, body.joints_J3)
        return np.concatenate([self.turns_TJ33, shift[..., None]], axis=-1)


@dataclass(frozen=True)
class Idle:
    """The slow movements that nobody is without: amplitude relative to average and phases."""

    size: float
    phases: tuple[float, float, float, float]

    def wave(self, index: int, clock_T: Array, period_s: float) -> Array:
        """Return a sinusoid (T,) over the clock in seconds."""
        waves: Array = self.size * np.sin(2 * np.pi * (clock_T / period_s + self.phases[index]))
        return waves


def pose_body(
    body: Body, script: Script, *, phase_T: Array, clock_T: Array, idle: Idle, recline_deg: float
) -> Posed:
    """Pose a body through a script.

    Args:
        body: Who moves.
        script: What is done.
        phase_T: Phase of the script in every frame, in [0, 1].
        clock_T: Time of every frame in seconds, for the idle movements.
        idle: The idle movements.
        recline_deg: How far the seated body leans back.
    """
    pose = _Pose(body, len(phase_T))
    _pose_trunk(pose, script, phase_T, clock_T, idle, recline_deg)
    _pose_legs(pose, script, phase_T)
    frames = _frames(pose, rotation(2, sample(script.face, phase_T)))
    for index, (side, hand) in enumerate(zip(SIDES, (script.left, script.right), strict=True)):
        palm_T3, facing_T3, elbow_T3 = _hand_path(hand, phase_T, frames)
        palm_T3[:, 2] += 0.002 * idle.wave(index + 2, clock_T, 2.3)
        _pose_arm(pose, side, palm_T3, facing_T3, elbow_T3)
        frames[f"hand_{side}"] = _hand_frame(pose, side)
    return Posed(pose.turns, pose.joints, frames)


class _Pose:
    """The bones while they are being posed; parents come before their children."""

    def __init__(self, body: Body, num_frames: int) -> None:
        self.body = body
        self.turns = np.tile(np.eye(3), (num_frames, len(BONES), 1, 1))
        self.joints = np.zeros((num_frames, len(BONES), 3))

    def turn(self, name: str) -> Array:
        turned: Array = self.turns[:, BONE_INDEX[name]]
        return turned

    def place(self, name: str, parent: str, turn_T33: Array | None = None) -> None:
        child, above = BONE_INDEX[name], BONE_INDEX[parent]
        offset = self.body.joints_J3[child] - self.body.joints_J3[above]
        self.joints[:, child] = self.joints[:, above] + self.turns[:, above] @ offset
        self.turns[:, child] = self.turns[:, above] if turn_T33 is None else turn_T33


def _pose_trunk(
    pose: _Pose, script: Script, phase_T: Array, clock_T: Array, idle: Idle, recline_deg: float
) -> None:
    outside_T = sample(script.outside, phase_T)
    stoop_T = sample(script.stoop, phase_T)
    upright_T = minimum_jerk(np.clip(outside_T * 2 - 0.5, 0, 1))
    face_T33 = rotation(2, sample(script.face, phase_T))
    root_T33 = face_T33 @ rotation(1, -recline_deg * 0.8 * (1 - upright_T) + 25 * stoop_T)
    pose.joints[:, 0] = _hip_path(pose.body, outside_T) + root_T33 @ pose.body.joints_J3[0]
    pose.joints[:, 0, 0] -= outside_T * sample(script.step, phase_T)
    pose.turns[:, 0] = root_T33
    lean_T = sample(script.lean, phase_T) + 30 * stoop_T + 1.0 * idle.wave(0, clock_T, 3.7)
    side_T = sample(script.side, phase_T) + 0.8 * idle.wave(1, clock_T, 4.9)
    twist_T = sample(script.twist, phase_T)
    for index, name in enumerate(SPINE):
        share = (index + 1) / len(SPINE)
        bend_T33 = yaw_pitch_roll(twist_T * share, lean_T * share, side_T * share)
        pose.place(name, "root" if index == 0 else SPINE[index - 1], root_T33 @ bend_T33)
    _pose_head(pose, script, phase_T, clock_T, idle)


def _pose_head(pose: _Pose, script: Script, phase_T: Array, clock_T: Array, idle: Idle) -> None:
    chest_T33 = pose.turn("spine01")
    level_T33 = _level(chest_T33)
    yaw_T = sample(script.yaw, phase_T) + 2.0 * idle.wave(1, clock_T, 4.1)
    nod_T = script.chew * np.sin(2 * np.pi * script.chew_cycles * phase_T)
    pitch_T = sample(script.pitch, phase_T) + nod_T + 1.5 * idle.wave(2, clock_T, 3.1)
    look_T33 = yaw_pitch_roll(yaw_T, pitch_T, sample(script.tilt, phase_T))
    for index, name in enumerate(NECK):
        share = (0.3, 0.5, 0.75, 1.0)[index]
        turn_T33 = _blend(chest_T33, level_T33 @ look_T33, share)
        pose.place(name, "spine01" if index == 0 else NECK[index - 1], turn_T33)


def _level(turn_T33: Array) -> Array:
    """Return rotations that face the same way, half way back to upright."""
    heading_T3 = turn_T33[:, :, 0] * [1.0, 1.0, 0.0]
    up = np.array([0.0, 0.0, 1.0])
    side_T3 = np.cross(up, heading_T3)
    upright_T33 = basis(heading_T3, side_T3)
    return _blend(turn_T33, upright_T33, 0.6)


def _blend(first_T33: Array, second_T33: Array, share: float) -> Array:
    """Mix rotations that lie less than a half turn apart."""
    mixed = (1 - share) * first_T33 + share * second_T33
    return basis(mixed[:, :, 0], mixed[:, :, 1])


def _hip_path(body: Body, outside_T: Array) -> Array:
    """Return the hips: along an arc from the seat through the door to the ground."""
    legs = -body.joint("foot.L")[2] + 0.08
    beside = _BESIDE_DOOR + np.array([0.0, 0.0, legs - 0.88])
    across_T = minimum_jerk(outside_T)[:, None]
    rise_T = outside_T[:, None] ** 2
    path_T3: Array = across_T * beside * [1, 1, 0] + rise_T * beside * [0, 0, 1]
    return path_T3


def _pose_legs(pose: _Pose, script: Script, phase_T: Array) -> None:
    outside_T = sample(script.outside, phase_T)
    face_T33 = rotation(2, sample(script.face, phase_T))
    straight_T = np.clip(outside_T * 1.6 - 0.6, 0, 1)
    for side in SIDES:
        sign = 1.0 if side == "L" else -1.0
        out_T = sign * _KNEES_OUT_DEG * (1 - straight_T)
        if side == "L":
            out_T = out_T + 50 * np.sin(np.pi * np.clip(outside_T * 1.3, 0, 1))
        out_T33 = face_T33 @ rotation(2, out_T)
        thigh_T33 = out_T33 @ rotation(1, -(90 + _THIGH_UP_DEG) * (1 - straight_T))
        shin_T33 = out_T33 @ rotation(1, -_SHIN_FORWARD_DEG * (1 - straight_T))
        pose.place(f"upperleg01.{side}", "root", thigh_T33)
        pose.place(f"lowerleg01.{side}", f"upperleg01.{side}", shin_T33)
        pose.place(f"foot.{side}", f"lowerleg01.{side}", out_T33)


def _frames(pose: _Pose, face_T33: Array) -> dict[str, Frame]:
    num_frames = len(pose.turns)
    still = np.tile(np.eye(3), (num_frames, 1, 1))
    head = Frame(pose.joints[:, BONE_INDEX["head"]], pose.turn("head"))
    chest = Frame(pose.joints[:, BONE_INDEX["spine01"]], pose.turn("spine01"))
    hip = Frame(pose.joints[:, 0], face_T33)
    knees = [pose.joints[:, BONE_INDEX[f"lowerleg01.{side}"]] for side in SIDES]
    hips = [pose.joints[:, BONE_INDEX[f"upperleg01.{side}"]] for side in SIDES]
    lap_T3 = 0.45 * (hips[0] + hips[1]) / 2 + 0.55 * (knees[0] + knees[1]) / 2
    lap = Frame(lap_T3 + np.array([0.0, 0.0, 0.09]), still)
    car = Frame(np.zeros((num_frames, 3)), still)
    return {"car": car, "hip": hip, "lap": lap, "chest": chest, "head": head}


def _hand_path(
    hand: HandScript, phase_T: Array, frames: dict[str, Frame]
) -> tuple[Array, Array, Array]:
    weights_TK = key_weights(phase_T, [phase for phase, _ in hand.keys])
    places_T3 = np.zeros((len(phase_T), 3))
    palms_T3, elbows_T3 = np.zeros_like(places_T3), np.zeros_like(places_T3)
    for weight_T, (_, target) in zip(weights_TK.T, hand.keys, strict=True):
        places_T3 += weight_T[:, None] * place_target(target, frames)
        palms_T3 += weight_T[:, None] * np.asarray(target.palm)
        elbows_T3 += weight_T[:, None] * np.asarray(target.elbow)
    for wobble in hand.wobbles:
        places_T3 += _wobble_path(wobble, phase_T)
    return places_T3, palms_T3, elbows_T3


def place_target(target: Target, frames: dict[str, Frame]) -> Array:
    """Return where a target is in every frame, (T, 3)."""
    return frames[target.frame].place(np.asarray(target.offset))


def _wobble_path(wobble: Wobble, phase_T: Array) -> Array:
    fade = 0.06
    size_T = minimum_jerk((phase_T - wobble.start + fade) / fade)
    size_T = size_T * minimum_jerk((wobble.stop + fade - phase_T) / fade)
    swing_T = size_T * np.sin(2 * np.pi * (wobble.cycles * phase_T + wobble.offset))
    path: Array = swing_T[:, None] * np.asarray(wobble.amplitude)
    return path


def _pose_arm(pose: _Pose, side: str, palm_T3: Array, facing_T3: Array, pole_T3: Array) -> None:
    pose.place(f"clavicle.{side}", "spine01")
    pose.place(f"shoulder01.{side}", f"clavicle.{side}")
    pose.place(f"upperarm01.{side}", f"shoulder01.{side}")
    body, index = pose.body, SIDES.index(side)
    shoulder, elbow = body.joint(f"upperarm01.{side}"), body.joint(f"lowerarm01.{side}")
    upper, fore = elbow - shoulder, body.palms_23[index] - elbow
    start_T3 = pose.joints[:, BONE_INDEX[f"upperarm01.{side}"]]
    elbow_T3, end_T3 = solve_elbow(
        start_T3, palm_T3, pole_T3, float(np.linalg.norm(upper)), float(np.linalg.norm(fore))
    )
    hinge = np.cross(upper, fore)
    hinge_T3 = np.cross(elbow_T3 - start_T3, end_T3 - elbow_T3)
    upper_T33 = align(upper, hinge, elbow_T3 - start_T3, hinge_T3)
    fore_T33 = align(fore, hinge, end_T3 - elbow_T3, hinge_T3)
    roll_T = palm_roll(fore_T33, unit(fore), body.palm_normals_23[index], facing_T3)
    pose.turns[:, BONE_INDEX[f"upperarm01.{side}"]] = upper_T33
    pose.place(f"upperarm02.{side}", f"upperarm01.{side}")
    pose.place(f"lowerarm01.{side}", f"upperarm02.{side}", fore_T33 @ about(fore, roll_T * 0.3))
    pose.place(f"lowerarm02.{side}", f"lowerarm01.{side}", fore_T33 @ about(fore, roll_T * 0.75))
    pose.place(f"wrist.{side}", f"lowerarm02.{side}", fore_T33 @ about(fore, roll_T))


def _hand_frame(pose: _Pose, side: str) -> Frame:
    wrist = BONE_INDEX[f"wrist.{side}"]
    offset = pose.body.palms_23[SIDES.index(side)] - pose.body.joints_J3[wrist]
    turn_T33 = pose.turns[:, wrist]
    palm_T3 = pose.joints[:, wrist] + turn_T33 @ offset
    return Frame(palm_T3, np.tile(np.eye(3), (len(palm_T3), 1, 1)))
