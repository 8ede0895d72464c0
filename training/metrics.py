"""How good answers are.

Tensor legend: N examples, K classes, B bins of confidence.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score

NUM_CALIBRATION_BINS = 15
"""Bins of the calibration error, as in Guo et al. 2017 (arXiv:1706.04599)."""


def measure(probs_NK: NDArray[np.float32], label_index_N: NDArray[np.int64]) -> dict[str, float]:
    """Return the figures of a classifier, all ratios 0-1.

    Args:
        probs_NK: Probabilities; rows sum to 1.
        label_index_N: True classes.

    Returns:
        `balanced_accuracy` (mean per-class accuracy over the classes that occur), `top1`,
        `macro_f1`, `calibration_error`, and `num_examples`.
    """
    predicted_N = probs_NK.argmax(axis=1)
    return {
        "balanced_accuracy": _balanced_accuracy(label_index_N, predicted_N),
        "top1": float((predicted_N == label_index_N).mean()),
        "macro_f1": float(
            f1_score(label_index_N, predicted_N, labels=np.unique(label_index_N), average="macro")
        ),
        "calibration_error": calibration_error(probs_NK, label_index_N),
        "num_examples": float(len(label_index_N)),
    }


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """How sure a classifier is and how often it is right, by bins of confidence of equal width.

    Attributes:
        counts_B: Examples in each bin that has any.
        confidence_B: Mean probability of the top answers, 0-1.
        accuracy_B: Share of them that are right, 0-1.
    """

    counts_B: NDArray[np.int64]
    confidence_B: NDArray[np.float64]
    accuracy_B: NDArray[np.float64]


def measure_reliability(
    probs_NK: NDArray[np.float32], label_index_N: NDArray[np.int64]
) -> Reliability:
    """Return the reliability of the top answers in `NUM_CALIBRATION_BINS` bins."""
    confidence_N = probs_NK.max(axis=1).astype(np.float64)
    is_right_N = probs_NK.argmax(axis=1) == label_index_N
    bin_N = np.minimum((confidence_N * NUM_CALIBRATION_BINS).astype(int), NUM_CALIBRATION_BINS - 1)
    bins = np.unique(bin_N)
    return Reliability(
        counts_B=np.array([(bin_N == b).sum() for b in bins], dtype=np.int64),
        confidence_B=np.array([confidence_N[bin_N == b].mean() for b in bins]),
        accuracy_B=np.array([is_right_N[bin_N == b].mean() for b in bins]),
    )


def calibration_error(probs_NK: NDArray[np.float32], label_index_N: NDArray[np.int64]) -> float:
    """Return the expected calibration error of the top answers, 0-1.

    Source: Guo et al. 2017, equation 3 (arXiv:1706.04599), bins of equal width.
    """
    reliability = measure_reliability(probs_NK, label_index_N)
    gap_B = np.abs(reliability.accuracy_B - reliability.confidence_B)
    return float(np.average(gap_B, weights=reliability.counts_B))


def count_confusions(
    predicted_N: NDArray[np.intp], label_index_N: NDArray[np.int64], *, num_classes: int
) -> NDArray[np.int64]:
    """Return how often each class (row) was answered as each class (column)."""
    counts: NDArray[np.int64] = confusion_matrix(
        label_index_N, predicted_N, labels=np.arange(num_classes)
    )
    return counts


def agreement(scores_NK: NDArray[np.float32], other_scores_NK: NDArray[np.float32]) -> float:
    """Return the share of examples, 0-1, to which two classifiers give the same top answer.

    Args:
        scores_NK: Logits or probabilities of the one.
        other_scores_NK: Those of the other.
    """
    return float((scores_NK.argmax(axis=1) == other_scores_NK.argmax(axis=1)).mean())


def _balanced_accuracy(label_index_N: NDArray[np.int64], predicted_N: NDArray[np.intp]) -> float:
    with warnings.catch_warnings():
        # An answer that is no example's class is a wrong answer and nothing to warn of.
        warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
        return float(balanced_accuracy_score(label_index_N, predicted_N))
