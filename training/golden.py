"""What a model answers to its golden clip where it is made, for those who will load it.

Axes: K classes.
"""

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.card import ModelCard, read_card
from models.classifier import load_classifier
from models.errors import GoldenClipError
from models.golden import GoldenClip, make_golden_clip
from models.runtimes import RuntimeName

SEED = 0
NUM_DIGITS = 6
TOLERANCES: dict[Literal["fp32", "int8"], float] = {"fp32": 0.005, "int8": 0.1}
"""Largest difference of a probability: float sums in another order give 0.0001. In int8, a sum that
is rounded the other way moves logits by a few hundredths, which other processors may do more often.
"""


def describe_golden(folder: Path) -> ModelCard:
    """Return the card of a model folder with the answer of its network to the golden clip.

    The answer is PyTorch's, the reference; OpenVINO's has to be within the tolerance.

    Raises:
        GoldenClipError: If it is not: the model would be refused by those who load it.
    """
    card = read_card(folder)
    golden = GoldenClip(
        seed=SEED,
        probs_K=tuple(round(prob, NUM_DIGITS) for prob in _ask(folder, "torch").tolist()),
        tolerance=TOLERANCES[card.precision],
    )
    try:
        golden.check(_ask(folder, "openvino"))
    except GoldenClipError as exc:
        raise GoldenClipError(f"{card.reference}: the engines disagree: {exc}") from exc
    return card.model_copy(update={"golden": golden})


def _ask(folder: Path, runtime_name: RuntimeName) -> NDArray[np.float32]:
    classifier = load_classifier(folder, runtime_name=runtime_name, num_threads=1)
    clip_NTHWC = make_golden_clip(classifier.card.spec, seed=SEED)
    return classifier.predict(clip_NTHWC).clip_probs_K
