import numpy as np
import pytest

from app.comparison import compare
from models.classifier import Prediction


def prediction(*rows: tuple[float, ...], inference_s: float = 1.0) -> Prediction:
    probs_NK = np.array(rows, np.float32)
    return Prediction(
        probs_NK=probs_NK, clip_probs_K=probs_NK.mean(axis=0), inference_s=inference_s
    )


def test_a_model_agrees_with_itself() -> None:
    answer = prediction((0.9, 0.1), (0.2, 0.8))

    difference = compare(answer, answer)

    assert difference.clip_agrees
    assert difference.agreement_ratio == 1
    assert (difference.max_abs_difference, difference.mean_abs_difference) == (0, 0)


def test_differences_are_taken_over_windows_and_activities() -> None:
    baseline = prediction((0.9, 0.1), (0.6, 0.4), inference_s=3)
    candidate = prediction((0.8, 0.2), (0.4, 0.6), inference_s=2)

    difference = compare(baseline, candidate)

    assert difference.clip_agrees
    assert difference.window_agrees_N == (True, False)
    assert difference.agreement_ratio == 0.5
    assert difference.max_abs_difference == pytest.approx(0.2)  # 0.6 - 0.4
    assert difference.mean_abs_difference == pytest.approx(0.15)  # (2 * 0.1 + 2 * 0.2) / 4
    assert difference.latency_ratio == 1.5


def test_clips_disagree_when_the_means_name_other_activities() -> None:
    assert not compare(prediction((0.6, 0.4)), prediction((0.4, 0.6))).clip_agrees


def test_time_too_short_to_measure_gives_a_finite_ratio() -> None:
    ratio = compare(prediction((1, 0)), prediction((1, 0), inference_s=0)).latency_ratio

    assert np.isfinite(ratio)
