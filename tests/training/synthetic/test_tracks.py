import numpy as np

from training.data.synthetic.tracks import basis, key_weights, minimum_jerk, sample, yaw_pitch_roll


def test_minimum_jerk_is_its_own_reverse_in_time() -> None:
    phase_T = np.linspace(0.0, 1.0, 11)

    np.testing.assert_allclose(minimum_jerk(phase_T), 1.0 - minimum_jerk(phase_T[::-1]))


def test_minimum_jerk_stays_at_its_ends() -> None:
    assert minimum_jerk(np.array([-1.0, 0.0, 1.0, 2.0])).tolist() == [0.0, 0.0, 1.0, 1.0]


def test_key_weights_sum_to_one_in_every_frame() -> None:
    weights_TK = key_weights(np.linspace(-0.2, 1.2, 50), [0.1, 0.4, 0.4, 0.9])

    np.testing.assert_allclose(weights_TK.sum(axis=1), 1.0)
    assert weights_TK.min() >= -1e-12


def test_track_passes_through_its_keys() -> None:
    phase_T = np.array([0.0, 0.3, 0.6, 1.0])

    sampled_T = sample(((0.3, 5.0), (0.6, -2.0), (0.8, 1.0)), phase_T)

    np.testing.assert_allclose(sampled_T, [5.0, 5.0, -2.0, 1.0])


def test_yaw_turns_left_pitch_nods_forward_and_roll_tips_left() -> None:
    forward, up = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])

    np.testing.assert_allclose(yaw_pitch_roll(90, 0, 0) @ forward, [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(yaw_pitch_roll(0, 90, 0) @ up, [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(yaw_pitch_roll(0, 0, 90) @ up, [0, 1, 0], atol=1e-12)


def test_basis_is_a_rotation() -> None:
    axes = basis(np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.0]))

    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(axes), 1.0)
