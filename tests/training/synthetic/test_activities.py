from dataclasses import replace

import numpy as np
import pytest

from models.labels import DRIVE_AND_ACT_LABELS
from training.data.synthetic.activities import ACTIVITIES, Activity
from training.data.synthetic.body import BONE_INDEX, Body
from training.data.synthetic.cabin import make_door
from training.data.synthetic.people import Person
from training.data.synthetic.scene import Scene, draw_phases, make_scene
from training.data.synthetic.tracks import Array

_ONE_SCRIPT_TWO_DIRECTIONS = [
    ("opening_bottle", "closing_bottle"),
    ("opening_door_inside", "closing_door_inside"),
    ("opening_door_outside", "closing_door_outside"),
    ("opening_laptop", "closing_laptop"),
    ("entering_car", "exiting_car"),
    ("fastening_seat_belt", "unfastening_seat_belt"),
    ("fetching_an_object", "placing_an_object"),
    ("putting_laptop_into_backpack", "taking_laptop_from_backpack"),
    ("putting_on_jacket", "taking_off_jacket"),
    ("putting_on_sunglasses", "taking_off_sunglasses"),
]

_NUM_BELT = 18  # Vertices of the belt, which come last.


def _perform(label: str, person: Person, body: Body, *, num_frames: int = 12) -> Scene:
    random = np.random.default_rng(7)
    return make_scene(person, body, label=label, num_frames=num_frames, random=random)


def test_every_label_has_an_activity_in_label_order() -> None:
    assert tuple(ACTIVITIES) == DRIVE_AND_ACT_LABELS


@pytest.mark.parametrize(("forward", "backward"), _ONE_SCRIPT_TWO_DIRECTIONS)
def test_opposite_activities_are_one_script_in_two_directions(forward: str, backward: str) -> None:
    first, second = ACTIVITIES[forward], ACTIVITIES[backward]

    assert first.perform is second.perform
    assert not first.is_reversed
    assert second.is_reversed


@pytest.mark.parametrize(("forward", "backward"), _ONE_SCRIPT_TWO_DIRECTIONS)
def test_opposite_activities_show_the_same_frames_in_opposite_order(
    forward: str, backward: str, person: Person, body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All of the activity, evenly; what sways does so by the clock, not by the phase.
    def whole(activity: Activity, pace: float, *, num_frames: int, **rest: object) -> Array:
        phase_T = (np.arange(num_frames) + 0.5) / num_frames
        return 1.0 - phase_T if activity.is_reversed else phase_T

    monkeypatch.setattr("training.data.synthetic.scene.draw_phases", whole)
    calm = replace(person, habit=replace(person.habit, sway=0.0))

    there, back = (_perform(label, calm, body) for label in (forward, backward))

    np.testing.assert_allclose(there.transforms_TJ34, back.transforms_TJ34[::-1], atol=1e-9)
    np.testing.assert_allclose(there.things_TV3, back.things_TV3[::-1], atol=1e-9)
    np.testing.assert_allclose(there.jacket_T, back.jacket_T[::-1], atol=1e-9)


def test_pauses_say_nothing_about_the_direction() -> None:
    random = np.random.default_rng(0)
    forward, backward = ACTIVITIES["opening_bottle"], ACTIVITIES["closing_bottle"]

    middles = [
        np.mean(
            [
                draw_phases(activity, 1.2, num_frames=30, random=random, hesitation=0.8)
                for _ in range(4000)
            ]
        )
        for activity in (forward, backward)
    ]

    # The standard error of either mean is about 0.0008.
    assert middles == pytest.approx([0.5, 0.5], abs=0.004)


@pytest.mark.parametrize("label", DRIVE_AND_ACT_LABELS)
def test_nobody_comes_apart_or_leaves_the_picture(label: str, person: Person, body: Body) -> None:
    scene = _perform(label, person, body)

    homogeneous_J4 = np.concatenate([body.joints_J3, np.ones((len(body.joints_J3), 1))], axis=1)
    joints_TJ3 = np.einsum("tjab,jb->tja", scene.transforms_TJ34, homogeneous_J4)
    rest_m = np.linalg.norm(body.joint("neck01") - body.joint("root"))
    spine_T = np.linalg.norm(
        joints_TJ3[:, BONE_INDEX["neck01"]] - joints_TJ3[:, BONE_INDEX["root"]], axis=-1
    )
    assert np.isfinite(scene.things_TV3).all()
    assert np.abs(joints_TJ3).max() < 2.0
    assert (np.abs(spine_T / rest_m - 1.0) < 0.1).all()


def test_belt_lies_across_the_chest_only_when_fastened(person: Person, body: Body) -> None:
    scene = _perform("fastening_seat_belt", person, body)
    belt_TV3 = scene.things_TV3[:, -_NUM_BELT:]

    first, last = belt_TV3[0, :, 1].min(), belt_TV3[-1, :, 1].min()

    assert first > 0.2
    assert last < -0.1


def test_bottle_reaches_the_mouth_when_drinking(person: Person, body: Body) -> None:
    scene = _perform("drinking", person, body)

    mouth = np.array([*(body.joint("head") + np.array([0.11, 0.0, -0.01])), 1.0])
    mouth_T3 = scene.transforms_TJ34[:, BONE_INDEX["head"]] @ mouth
    num_door = len(make_door(person.setting).vertices_V3)
    bottle_TV3 = scene.things_TV3[:, num_door : num_door + 20]
    distance_T = np.linalg.norm(bottle_TV3 - mouth_T3[:, None], axis=-1).min(axis=1)
    assert distance_T.min() < 0.1
    assert distance_T[0] > 0.2
