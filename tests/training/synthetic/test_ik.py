import numpy as np
import pytest

from training.data.synthetic.ik import about, align, palm_roll, solve_elbow
from training.data.synthetic.tracks import Array

_UPPER, _FORE = 0.28, 0.33


def _solve(goal: list[float]) -> tuple[Array, Array]:
    pole_T3 = np.array([[0.0, 0.0, -1.0]])
    return solve_elbow(np.zeros((1, 3)), np.array([goal]), pole_T3, _UPPER, _FORE)


def test_goal_within_reach_is_met() -> None:
    _, end_T3 = _solve([0.3, -0.2, 0.1])

    np.testing.assert_allclose(end_T3, [[0.3, -0.2, 0.1]], atol=1e-12)


@pytest.mark.parametrize("goal", [[0.3, -0.2, 0.1], [2.0, 0.0, 0.0], [0.05, 0.0, 0.0]])
def test_bones_keep_their_lengths(goal: list[float]) -> None:
    elbow_T3, end_T3 = _solve(goal)

    np.testing.assert_allclose(np.linalg.norm(elbow_T3), _UPPER)
    np.testing.assert_allclose(np.linalg.norm(end_T3 - elbow_T3), _FORE)


def test_goal_out_of_reach_is_approached_along_the_straight_line() -> None:
    _, end_T3 = _solve([2.0, 0.0, 0.0])

    assert 0.95 * (_UPPER + _FORE) < end_T3[0, 0] < _UPPER + _FORE
    np.testing.assert_allclose(end_T3[0, 1:], 0.0)


def test_elbow_bends_towards_its_pole() -> None:
    elbow_T3, _ = _solve([0.4, 0.0, 0.0])

    assert elbow_T3[0, 2] < -0.05


def test_forearm_rolls_until_the_palm_faces_its_target() -> None:
    axis, palm, facing_T3 = np.eye(3)[0], np.eye(3)[1], np.array([[0.3, 0.5, -0.5]])
    still_T33 = np.eye(3)[None]

    roll_T = palm_roll(still_T33, axis, palm, facing_T3)

    turned = (about(axis, roll_T) @ palm)[0]
    np.testing.assert_allclose(turned, [0.0, np.sqrt(0.5), -np.sqrt(0.5)], atol=1e-12)


def test_bone_is_carried_onto_its_direction() -> None:
    rest, normal = np.array([0.0, 0.0, -2.0]), np.array([0.0, 1.0, 0.0])
    direction_T3 = np.array([[1.0, 0.0, 0.0]])

    turn_T33 = align(rest, normal, direction_T3, np.array([[0.0, 0.0, 1.0]]))

    np.testing.assert_allclose(turn_T33[0] @ rest, [2.0, 0.0, 0.0], atol=1e-12)
