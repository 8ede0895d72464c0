import numpy as np
import pytest
from numpy.typing import NDArray

from models.classifier import softmax
from training.calibration import TEMPERATURE_BOUNDS, fit_temperature
from training.metrics import calibration_error

NUM_CLIPS, NUM_CLASSES = 4000, 5


def draw_answers(*, overconfidence: float) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Draw logits, and labels as often as the logits divided by the overconfidence say."""
    random = np.random.default_rng(0)
    logits_NK = random.normal(size=(NUM_CLIPS, NUM_CLASSES)).astype(np.float32) * 2
    probs_NK = softmax(logits_NK, temperature=1.0)
    thresholds_N1 = random.uniform(size=(NUM_CLIPS, 1))
    labels_N = (probs_NK.cumsum(axis=1) < thresholds_N1).sum(axis=1)
    return logits_NK * np.float32(overconfidence), np.minimum(labels_N, NUM_CLASSES - 1)


@pytest.mark.parametrize("overconfidence", [0.5, 1.0, 4.0])
def test_temperature_undoes_what_made_the_model_too_sure(overconfidence: float) -> None:
    logits_NK, label_index_N = draw_answers(overconfidence=overconfidence)

    temperature = fit_temperature(logits_NK, label_index_N)

    # A twentieth is what 4,000 draws leave open.
    assert temperature == pytest.approx(overconfidence, rel=0.05)
    scaled_NK = softmax(logits_NK, temperature=temperature)
    assert calibration_error(scaled_NK, label_index_N) < 0.03


def test_perfect_answers_give_a_temperature_within_bounds() -> None:
    logits_NK = np.eye(3, dtype=np.float32)[[0, 1, 2]]

    temperature = fit_temperature(logits_NK, np.array([0, 1, 2]))

    assert TEMPERATURE_BOUNDS[0] <= temperature <= TEMPERATURE_BOUNDS[1]


def test_class_that_the_split_lacks_does_not_matter() -> None:
    logits_NK, label_index_N = draw_answers(overconfidence=2.0)
    is_kept_N = label_index_N != 4

    assert 1.0 < fit_temperature(logits_NK[is_kept_N], label_index_N[is_kept_N]) < 3.0
