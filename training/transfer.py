"""How a finished model does on data that it was not trained on.

Tensor legend: N clips, K classes, C classes that occur.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.classifier import ActivityClassifier, load_classifier, softmax
from models.video.windows import DecodeMode
from training.config import Recipe
from training.data.cache import decode_examples
from training.data.examples import DataError, Example, Split
from training.evaluate import infer_all
from training.metrics import count_confusions, measure
from training.plots import draw_confusions
from training.progress import console, report, show_progress
from training.workspace import CLIPS, read_examples


def measure_transfer(
    recipe: Recipe,
    model: Path,
    *,
    part: Split | None = None,
    mode: DecodeMode = "exact",
    picture: Path | None = None,
) -> dict[str, float]:
    """Print and return the figures of a model on a recipe's data.

    The model reads clips by its own spec. Its answers count twice: among all its activities, and,
    as `among_occurring_...`, among those that occur in the data.

    Args:
        recipe: Names the data, whose labels must be activities of the model.
        model: Model folder.
        part: What of the data; all of it unless this is given.
        mode: How videos are decoded.
        picture: PNG to draw the confusions to.

    Raises:
        DataError: If the data has labels that the model does not know, or no clip can be decoded.
        DriverActivityError: If the model cannot be loaded.
    """
    classifier = load_classifier(model, runtime_name="openvino", num_threads=recipe.num_threads)
    examples = [one for one in read_examples(recipe) if part in (None, one.split)]
    logits_NK, label_index_N = _answer(classifier, examples, recipe, mode)
    figures = measure_answers(logits_NK, label_index_N, temperature=classifier.card.temperature)
    report(classifier.card.reference, figures)
    if picture is not None:
        _draw(classifier, logits_NK, label_index_N, picture)
        console.print(f"wrote {picture}")
    return figures


def measure_answers(
    logits_NK: NDArray[np.float32], label_index_N: NDArray[np.int64], *, temperature: float
) -> dict[str, float]:
    """Return the figures of answers among all classes and among those that occur."""
    occurring_C = np.unique(label_index_N)
    among_NC = softmax(logits_NK[:, occurring_C], temperature=temperature)
    among = measure(among_NC, np.searchsorted(occurring_C, label_index_N))
    return {
        **measure(softmax(logits_NK, temperature=temperature), label_index_N),
        **{f"among_occurring_{name}": value for name, value in among.items()},
        "num_occurring": float(len(occurring_C)),
    }


def _answer(
    classifier: ActivityClassifier, examples: list[Example], recipe: Recipe, mode: DecodeMode
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    position = {label: index for index, label in enumerate(classifier.card.labels)}
    surprises = {example.label for example in examples} - set(position)
    if surprises:
        raise DataError(f"labels that the model does not know: {', '.join(sorted(surprises))}")
    with show_progress("decode") as progress:
        clips = decode_examples(
            examples,
            classifier.card.spec,
            recipe.run_dir / CLIPS,
            num_workers=recipe.num_threads,
            progress=progress,
            mode=mode,
        )
    for name, reason in clips.failures.items():
        console.print(f"left out {name}: {reason}", markup=False)
    if not clips.examples:
        raise DataError("no clip can be decoded")
    logits_NK = infer_all(classifier.runtime.infer, clips.clips_NTHWC, "answer")
    return logits_NK, np.array([position[example.label] for example in clips.examples])


def _draw(
    classifier: ActivityClassifier,
    logits_NK: NDArray[np.float32],
    label_index_N: NDArray[np.int64],
    picture: Path,
) -> None:
    labels = classifier.card.labels
    counts_KK = count_confusions(logits_NK.argmax(axis=1), label_index_N, num_classes=len(labels))
    figure = draw_confusions(counts_KK, labels, title=classifier.card.reference)
    figure.savefig(picture, dpi=110)
