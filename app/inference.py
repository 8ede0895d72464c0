"""Runs models on decoded windows in a bounded number of threads, and words their answers.

The engines release the interpreter lock while they compute, so the event loop stays awake.
Axes: N windows of one video, K classes.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from app.gates import Gate
from app.records import Scene
from app.schemas import ActivityProbability, ClipAnswer, ModelSummary, WindowAnswer
from models.classifier import ActivityClassifier, Prediction
from models.video.measures import measure_brightness, measure_motion
from models.video.windows import VideoWindows, WindowSpan

T = TypeVar("T")
MEASURED_WINDOWS = 8
"""Most windows of a video whose looks are measured, at 0.12 ms each."""


@dataclass(frozen=True, kw_only=True)
class Classified:
    """What a model answers for a video, in numbers and in words.

    Attributes:
        classifier: The model.
        prediction: The numbers.
        clip: The answer for the video as a whole.
        windows: The answer for every window.
        postprocess_s: Seconds that the wording took.
    """

    classifier: ActivityClassifier
    prediction: Prediction
    clip: ClipAnswer
    windows: list[WindowAnswer]
    postprocess_s: float

    @property
    def label(self) -> str:
        """Activity with the highest probability of the video as a whole."""
        return self.classifier.card.labels[int(self.prediction.clip_probs_K.argmax())]


class InferencePool:
    """A bounded number of threads behind a bounded queue.

    Args:
        num_workers: Threads.
        max_waiting: How many calls may wait for one.
    """

    def __init__(self, *, num_workers: int, max_waiting: int) -> None:
        self._gate = Gate("inference", capacity=num_workers, max_waiting=max_waiting)
        self._executor = ThreadPoolExecutor(num_workers, thread_name_prefix="inference")
        self._num_started = 0

    @property
    def num_waiting(self) -> int:
        """How many calls wait for a thread."""
        return self._gate.num_waiting

    def measure(self, function: Callable[[], T], *, is_inside: bool) -> tuple[T, float | None]:
        """Return what a function returns that is called here, and what it took.

        The engines compute in threads of their own, so only the process as a whole can be
        measured: the event loop's share is in it, and nothing is known while others infer, too.

        Args:
            function: What to call.
            is_inside: Whether this is called in one of the pool's threads.

        Returns:
            The result, and the processor seconds; None if the call was not alone.
        """
        num_started, started_s = self._num_started, time.process_time()
        result = function()
        processor_s = time.process_time() - started_s
        is_alone = self._gate.num_inside == is_inside and self._num_started == num_started
        return result, processor_s if is_alone else None

    async def run(self, function: Callable[[], T], *, on_start: Callable[[], None]) -> T:
        """Return what a function returns that runs in one of the threads.

        Who stops waiting leaves the thread to finish, and its place taken until then.

        Args:
            function: What to run.
            on_start: Called, on the event loop, when the wait for a thread is over.

        Raises:
            QueueFullError: If as many calls wait as may wait.
        """
        await self._gate.acquire()
        self._num_started += 1
        on_start()
        future = asyncio.get_running_loop().run_in_executor(self._executor, function)
        future.add_done_callback(self._finish)
        return await asyncio.shield(future)

    def _finish(self, future: asyncio.Future[T]) -> None:
        self._gate.release()
        if not future.cancelled():
            future.exception()  # seen here, so that nothing complains when nobody waits any more

    def close(self) -> None:
        """Wait for the running calls, and end the threads."""
        self._executor.shutdown(wait=True, cancel_futures=True)


def classify(classifier: ActivityClassifier, video: VideoWindows, *, top_k: int) -> Classified:
    """Return what a model answers for a video; blocks while it computes.

    Args:
        classifier: The model.
        video: Windows of the model's spec.
        top_k: How many activities to name, at most as many as there are.
    """
    prediction = classifier.predict_blocks(video.blocks())
    started = time.perf_counter()
    labels = classifier.card.labels
    return Classified(
        classifier=classifier,
        prediction=prediction,
        clip=ClipAnswer(activities=_rank(prediction.clip_probs_K, labels, top_k=top_k)),
        windows=[
            _word_window(span, _rank(probs_K, labels, top_k=top_k))
            for span, probs_K in zip(video.spans, prediction.probs_NK, strict=True)
        ],
        postprocess_s=time.perf_counter() - started,
    )


def classify_all(
    classifiers: Sequence[ActivityClassifier], video: VideoWindows, *, top_k: int
) -> list[Classified]:
    """Return what each of several models answers, as `classify` does."""
    return [classify(classifier, video, top_k=top_k) for classifier in classifiers]


def measure_scene(video: VideoWindows) -> Scene:
    """Return what some windows of a video, spread over it, look like."""
    step = math.ceil(len(video.spans) / MEASURED_WINDOWS)
    windows_NTHWC = video.windows_NTHWC[::step]
    return Scene(brightness=measure_brightness(windows_NTHWC), motion=measure_motion(windows_NTHWC))


def summarize(classifier: ActivityClassifier) -> ModelSummary:
    """Return which model a classifier is, as clients see it."""
    card = classifier.card
    return ModelSummary(
        name=card.name,
        version=card.version,
        precision=card.precision,
        runtime=classifier.runtime.name,
        notice=card.notice,
    )


def _rank(
    probs_K: NDArray[np.float32], labels: tuple[str, ...], *, top_k: int
) -> list[ActivityProbability]:
    order = np.argsort(-probs_K, kind="stable")[:top_k]
    return [
        ActivityProbability(label=labels[index], probability=float(probs_K[index]))
        for index in order
    ]


def _word_window(span: WindowSpan, activities: list[ActivityProbability]) -> WindowAnswer:
    return WindowAnswer(
        start_s=span.start_s,
        end_s=span.stop_s,
        num_padded_frames=span.num_padded_frames,
        activities=activities,
    )
