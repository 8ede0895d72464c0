"""Confidence that can be believed: one temperature for all logits of a model.

Tensor legend: N clips, K classes.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

from models.classifier import softmax

TEMPERATURE_BOUNDS = (0.05, 20.0)


def fit_temperature(logits_NK: NDArray[np.float32], label_index_N: NDArray[np.int64]) -> float:
    """Return the temperature under which the true classes are the most probable.

    Dividing logits by it changes no answer, only how sure it is.
    Source: Guo et al. 2017, section 4.2 (arXiv:1706.04599).

    Args:
        logits_NK: Raw scores for clips that the network was not trained on.
        label_index_N: True classes.

    Returns:
        A number within `TEMPERATURE_BOUNDS`.
    """
    classes = np.arange(logits_NK.shape[1])

    def loss(log_temperature: float) -> float:
        probs_NK = softmax(logits_NK, temperature=float(np.exp(log_temperature)))
        return float(log_loss(label_index_N, probs_NK, labels=classes))

    low, high = np.log(TEMPERATURE_BOUNDS)
    found = minimize_scalar(loss, bounds=(low, high), method="bounded")
    return float(np.exp(found.x))
