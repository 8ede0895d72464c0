import numpy as np
import pytest

from training.metrics import agreement, calibration_error, count_confusions, measure


def one_hot(predicted: list[int], *, num_classes: int = 3) -> np.ndarray:
    return np.eye(num_classes, dtype=np.float32)[predicted]


def test_balanced_accuracy_counts_every_class_the_same() -> None:
    probs_NK = one_hot([0, 0, 0, 0, 1])

    figures = measure(probs_NK, np.array([0, 0, 0, 0, 2]))

    assert figures["top1"] == pytest.approx(4 / 5)
    assert figures["balanced_accuracy"] == pytest.approx(1 / 2)


def test_macro_f1_averages_over_the_classes_that_occur() -> None:
    figures = measure(one_hot([0, 0, 1]), np.array([0, 1, 1]))

    # Class 0: precision 1/2, recall 1. Class 1: precision 1, recall 1/2. Both F1 2/3.
    assert figures["macro_f1"] == pytest.approx(2 / 3)


def test_calibration_error_is_zero_when_confidence_is_how_often_it_is_right() -> None:
    probs_NK = np.tile(np.array([[0.75, 0.25]], dtype=np.float32), (4, 1))

    assert calibration_error(probs_NK, np.array([0, 0, 0, 1])) == pytest.approx(0.0)


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    probs_NK = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]], dtype=np.float32)

    error = calibration_error(probs_NK, np.array([0, 1, 0, 0]))

    assert error == pytest.approx((abs(0.5 - 0.9) + abs(1.0 - 0.6)) / 2)


def test_confusions_have_true_classes_as_rows() -> None:
    counts_KK = count_confusions(np.array([1, 1, 0]), np.array([0, 1, 0]), num_classes=3)

    assert counts_KK.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_agreement_is_the_share_of_equal_top_answers() -> None:
    assert agreement(one_hot([0, 1, 2, 2]), one_hot([0, 1, 2, 0])) == pytest.approx(3 / 4)
