"""Makes the answers: decode once, ask one model or several, say what came out.

Nothing here knows HTTP; the endpoints are thin translations of these functions.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Protocol

from app.comparison import check_comparable, compare
from app.errors import IncomparableModelsError
from app.experiments.trial import Trial
from app.inference import Classified, classify_all, measure_scene, summarize
from app.metrics import AbandonedStage
from app.records import STAGES, ComparedPair, RequestRecord, label_model
from app.schemas import (
    ComparedAnswer,
    ComparisonAnswer,
    DecodedMedia,
    PairAnswer,
    PredictionAnswer,
    StageTimes,
    TrialAnswer,
)
from app.service import Options, Service
from app.uploads import Upload
from models.classifier import ActivityClassifier
from models.registry import ModelRegistry
from models.video.windows import VideoWindows


class Ask(Protocol):
    """Asks models for their answers, in a thread."""

    def __call__(self, video: VideoWindows, *, top_k: int) -> list[Classified]:
        """Return the answers, that for the client first."""
        ...


async def predict(
    service: Service,
    upload: Upload,
    *,
    classifier: ActivityClassifier,
    options: Options,
    record: RequestRecord,
    trial: Trial | None,
) -> PredictionAnswer:
    """Return which activities a model sees in an upload.

    Args:
        service: What decodes and infers.
        upload: What the client sent.
        classifier: The model.
        options: What the client chose.
        record: Takes up times.
        trial: The experiment that the request takes part in; takes up what other models answer.
    """
    ask = trial.ask if trial else partial(classify_all, [classifier])
    async with _decoded(service, upload, classifier, options=options, record=record) as video:
        answer, *_ = await _classify(service, ask, video, top_k=options.top_k, record=record)
    return PredictionAnswer(
        request_id=record.request_id,
        model=summarize(classifier),
        media=_describe_media(video),
        clip=answer.clip,
        windows=answer.windows,
        timings=_report_times(record),
        experiment=trial and TrialAnswer(name=trial.experiment, arm=trial.served),
    )


def choose_compared(registry: ModelRegistry, references: Sequence[str]) -> list[ActivityClassifier]:
    """Return the loaded models that are to be compared, the baseline first.

    Raises:
        UnknownModelError: If there is none of a name.
        ModelNotReadyError: If one is not loaded.
        IncomparableModelsError: If two are the same, or do not take and answer the same.
    """
    classifiers = [registry.get(reference) for reference in references]
    cards = [classifier.card for classifier in classifiers]
    names = [card.reference for card in cards]
    if len(set(names)) < len(names):
        raise IncomparableModelsError(f"the same model twice: {', '.join(names)}")
    check_comparable(cards)
    return classifiers


async def compare_models(
    service: Service,
    upload: Upload,
    *,
    classifiers: Sequence[ActivityClassifier],
    options: Options,
    record: RequestRecord,
) -> ComparisonAnswer:
    """Return the answers of several models to the same windows, the baseline first.

    Args:
        service: What decodes and infers.
        upload: What the client sent.
        classifiers: The models, as `choose_compared` returns them.
        options: What the client chose.
        record: Takes up times and differences.
    """
    async with _decoded(service, upload, classifiers[0], options=options, record=record) as video:
        ask = partial(classify_all, classifiers)
        answers = await _classify(service, ask, video, top_k=options.top_k, record=record)
    return ComparisonAnswer(
        request_id=record.request_id,
        media=_describe_media(video),
        answers=[_word_answer(answer) for answer in answers],
        pairs=[_word_pair(answers[0], answer, record=record) for answer in answers[1:]],
        timings=_report_times(record),
    )


@asynccontextmanager
async def _decoded(
    service: Service,
    upload: Upload,
    classifier: ActivityClassifier,
    *,
    options: Options,
    record: RequestRecord,
) -> AsyncIterator[VideoWindows]:
    """Give the windows of an upload, while one of the places that fit the cores is held."""
    spec = classifier.card.spec
    length_s = service.lengths.estimate_s(upload, spec, frame_rate_hz=options.frame_rate_hz)
    with _abandonable(service, "queue", length_s), record.measure("queue"):
        await service.lanes.acquire(length_s)
    try:
        with _abandonable(service, "decode", length_s), record.measure("decode"):
            video = await service.decode(upload, spec, options)
        record.num_windows = len(video.spans)
        yield video
    finally:
        service.lanes.release()


@contextmanager
def _abandonable(service: Service, stage: AbandonedStage, length_s: float) -> Iterator[None]:
    """Count what is saved when a request is given up in the body of the statement."""
    try:
        yield
    except asyncio.CancelledError:
        service.metrics.count_abandoned(stage, length_s)
        raise


async def _classify(
    service: Service,
    ask: Ask,
    video: VideoWindows,
    *,
    top_k: int,
    record: RequestRecord,
) -> list[Classified]:
    """Ask every model in one thread, one after the other, so that their times compare."""
    submitted = time.perf_counter()
    answers, scene = await service.inference.run(
        lambda: (ask(video, top_k=top_k), measure_scene(video)),
        on_start=lambda: record.note("queue", time.perf_counter() - submitted),
    )
    record.scene = scene
    for answer in answers:
        labels = label_model(answer.classifier)
        record.note("inference", answer.prediction.inference_s, labels)
        record.note("postprocess", answer.postprocess_s, labels)
        service.drift.add(
            labels,
            label=answer.label,
            confidence=float(answer.prediction.clip_probs_K.max()),
            brightness=scene.brightness,
            motion=scene.motion,
        )
    return answers


def _describe_media(video: VideoWindows) -> DecodedMedia:
    return DecodedMedia(**vars(video.info))


def _report_times(record: RequestRecord) -> StageTimes:
    times_ms = {f"{stage}_ms": _to_ms(record.seconds_of(stage)) for stage in STAGES}
    return StageTimes(**times_ms, total_ms=_to_ms(record.elapsed_s))


def _to_ms(seconds: float) -> float:
    return round(1000 * seconds, 3)


def _word_answer(answer: Classified) -> ComparedAnswer:
    return ComparedAnswer(
        model=summarize(answer.classifier),
        clip=answer.clip,
        windows=answer.windows,
        inference_ms=_to_ms(answer.prediction.inference_s),
    )


def _word_pair(baseline: Classified, candidate: Classified, *, record: RequestRecord) -> PairAnswer:
    difference = compare(baseline.prediction, candidate.prediction)
    pair = ComparedPair(
        baseline=baseline.classifier.card.reference,
        candidate=candidate.classifier.card.reference,
        is_agreed=difference.clip_agrees,
        max_difference=difference.max_abs_difference,
    )
    record.pairs.append(pair)
    return PairAnswer(
        baseline=pair.baseline,
        candidate=pair.candidate,
        clip_agrees=difference.clip_agrees,
        window_agreement=list(difference.window_agrees_N),
        agreement_ratio=difference.agreement_ratio,
        max_abs_difference=difference.max_abs_difference,
        mean_abs_difference=difference.mean_abs_difference,
        latency_ratio=difference.latency_ratio,
    )
