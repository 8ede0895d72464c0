"""A model that is loaded and answers: card and runtime together.

Tensor legend: N windows of one video, T frames, H W pixels, C channels, K classes.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.card import ModelCard
from models.errors import GoldenClipError, InvalidFramesError, WeightsError
from models.faults import word_engine_fault
from models.folder import read_folder
from models.golden import make_golden_clip
from models.runtimes import Runtime, RuntimeName, load_runtime
from models.runtimes.compiled import CompiledFolder


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a model answers for the windows of one video.

    Attributes:
        probs_NK: Probabilities, float32; every row sums to 1.
        clip_probs_K: Mean of the rows, the answer for the video as a whole.
        inference_s: Seconds that the runtime took.
    """

    probs_NK: NDArray[np.float32]
    clip_probs_K: NDArray[np.float32]
    inference_s: float


class ActivityClassifier:
    """Answers which activity windows of video show; safe to call from several threads."""

    def __init__(self, card: ModelCard, runtime: Runtime) -> None:
        self.card = card
        self.runtime = runtime

    def predict(self, windows_NTHWC: NDArray[np.uint8]) -> Prediction:
        """Return the probabilities of every activity in every window.

        Args:
            windows_NTHWC: N >= 1 windows of RGB bytes, shaped as the card's spec says.

        Raises:
            InvalidFramesError: If the windows are not what the model takes.
        """
        return self.predict_blocks([windows_NTHWC])

    def predict_blocks(self, blocks: Iterable[NDArray[np.uint8]]) -> Prediction:
        """Return the probabilities of every activity in every window of a video.

        Args:
            blocks: The windows, as for `predict`, in one block or more.

        Raises:
            InvalidFramesError: If the windows are not what the model takes.
        """
        logits, inference_s = [], 0.0
        for windows_NTHWC in blocks:
            self._check(windows_NTHWC)
            started = time.perf_counter()
            logits.append(self.runtime.infer(windows_NTHWC))
            inference_s += time.perf_counter() - started
        probs_NK = softmax(np.concatenate(logits), temperature=self.card.temperature)
        return Prediction(
            probs_NK=probs_NK, clip_probs_K=probs_NK.mean(axis=0), inference_s=inference_s
        )

    def warm_up(self) -> None:
        """Answer once for a gray window, so that no client waits for the first call.

        Raises:
            WeightsError: If the answer is not one finite probability for every label.
        """
        gray_NTHWC = np.full((1, *self.card.spec.clip_shape), 127, dtype=np.uint8)
        probs_NK = self.predict(gray_NTHWC).probs_NK
        num_labels = len(self.card.labels)
        if probs_NK.shape != (1, num_labels) or not np.isfinite(probs_NK).all():
            raise WeightsError(
                f"{self.card.reference} answers {probs_NK.tolist()} for one gray window, "
                f"its card needs {num_labels} finite probabilities"
            )

    def check_golden(self) -> None:
        """Answer the card's golden clip, if there is one.

        Raises:
            GoldenClipError: If the answer is not the card's, within the card's tolerance.
        """
        golden = self.card.golden
        if golden is None:
            return
        probs_NK = self.predict(make_golden_clip(self.card.spec, seed=golden.seed)).probs_NK
        try:
            golden.check(probs_NK[0])
        except GoldenClipError as exc:
            raise GoldenClipError(f"{self.card.reference} on {self.runtime.name}: {exc}") from exc

    def _check(self, windows_NTHWC: NDArray[np.uint8]) -> None:
        expected = self.card.spec.clip_shape
        found = windows_NTHWC.shape
        if (
            windows_NTHWC.dtype != np.uint8
            or len(found) != 5
            or found[1:] != expected
            or not found[0]
        ):
            raise InvalidFramesError(
                f"windows are {windows_NTHWC.dtype} {found}, "
                f"{self.card.reference} takes uint8 (N, {', '.join(map(str, expected))}), N >= 1"
            )


def softmax(logits_NK: NDArray[np.float32], *, temperature: float) -> NDArray[np.float32]:
    """Return probabilities, float32, of raw scores divided by a temperature; rows sum to 1."""
    shifted_NK = (logits_NK - logits_NK.max(axis=-1, keepdims=True)) / np.float32(temperature)
    exp_NK = np.exp(shifted_NK, dtype=np.float32)
    probs_NK: NDArray[np.float32] = exp_NK / exp_NK.sum(axis=-1, keepdims=True)
    return probs_NK


def load_classifier(
    folder: Path,
    *,
    runtime_name: RuntimeName,
    num_threads: int,
    num_streams: int = 1,
    public_key: Path | None = None,
    compiled: CompiledFolder | None = None,
) -> ActivityClassifier:
    """Load a model folder: read and check it, start the engine, warm it up, check its answer.

    Args:
        folder: Model folder `<root>/<name>/<version>`.
        runtime_name: Engine to run the network on.
        num_threads: Processor threads that one call may use.
        num_streams: Calls that are computed at once.
        public_key: File of the key that the card must be signed with; None if it need not be.
        compiled: Where compiled networks are kept; None if they are not.

    Raises:
        ModelError: If the folder is not to be used; see `read_folder`.
        WeightsError: If the files do not fit the card, or the engine cannot run them.
        GoldenClipError: If the network does not answer as its card says.
    """
    model = read_folder(folder, public_key=public_key)
    try:
        runtime = load_runtime(
            runtime_name,
            model.contents,
            model.card,
            num_threads=num_threads,
            num_streams=num_streams,
            compiled=compiled,
        )
        classifier = ActivityClassifier(model.card, runtime)
        classifier.warm_up()
    except RuntimeError as exc:  # what both engines raise for a graph that they cannot run
        fault = word_engine_fault(exc)
        raise WeightsError(
            f"{model.card.reference} does not run on {runtime_name}: {fault}"
        ) from exc
    classifier.check_golden()
    return classifier
