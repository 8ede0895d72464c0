"""Recorded answers of the models: `python -m tests.models.golden` records them anew."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.card import ModelCard
from models.classifier import load_classifier
from models.installed import find_models
from tests.conftest import REPOSITORY_ROOT

PATH = Path(__file__).parent / "golden.json"
WEIGHTS = REPOSITORY_ROOT / "models" / "weights"


def moving_pattern(card: ModelCard) -> NDArray[np.uint8]:
    """Return one window of a fixed pattern that moves, shape (1, T, H, W, 3)."""
    t, h, w, c = np.indices(card.spec.clip_shape)
    pattern_THWC: NDArray[np.uint8] = ((t * 7 + h * 3 + w * 2 + c * 40) % 256).astype(np.uint8)
    return pattern_THWC[None]


def record() -> None:
    """Write the logits of every model for the pattern, as the torch runtime computes them."""
    answers = {}
    for entry in find_models(WEIGHTS):
        classifier = load_classifier(entry.folder, runtime_name="torch", num_threads=1)
        logits_NK = classifier.runtime.infer(moving_pattern(classifier.card))
        answers[entry.reference] = [round(float(logit), 4) for logit in logits_NK[0]]
    PATH.write_text(json.dumps(answers, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record()
