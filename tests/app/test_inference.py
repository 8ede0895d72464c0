import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest

from app.gates import QueueFullError
from app.inference import InferencePool, classify, summarize
from models.classifier import ActivityClassifier, load_classifier
from models.video.windows import VideoInfo, VideoWindows, WindowSpan


@pytest.fixture(scope="module")
def classifier(model_dir: Path) -> ActivityClassifier:
    return load_classifier(model_dir / "tiny-fp32" / "1", runtime_name="openvino", num_threads=1)


def make_video(*levels: int) -> VideoWindows:
    windows = [np.full((4, 32, 32, 3), level, np.uint8) for level in levels]
    return VideoWindows(
        windows_NTHWC=np.stack(windows),
        spans=tuple(
            WindowSpan(start_s=3.0 * index, stop_s=3.0 * index + 3, num_padded_frames=index)
            for index in range(len(levels))
        ),
        info=VideoInfo(
            container="frames",
            codec="rawvideo",
            width_px=32,
            height_px=32,
            rotation_degrees=0,
            frame_rate_hz=None,
            duration_s=3.0,
            num_frames=4,
        ),
    )


def test_answers_name_the_most_probable_activities_first(classifier: ActivityClassifier) -> None:
    video = make_video(0, 250)

    answer = classify(classifier, video, top_k=2)

    probs_NK = classifier.predict(video.windows_NTHWC).probs_NK
    best_N = [classifier.card.labels[index] for index in probs_NK.argmax(axis=1)]
    assert [window.activities[0].label for window in answer.windows] == best_N
    assert [len(window.activities) for window in answer.windows] == [2, 2]
    assert answer.clip.activities[0].probability == pytest.approx(float(probs_NK.mean(0).max()))


def test_answers_say_where_their_windows_lie(classifier: ActivityClassifier) -> None:
    windows = classify(classifier, make_video(0, 250), top_k=1).windows

    assert [(window.start_s, window.end_s) for window in windows] == [(0, 3), (3, 6)]
    assert [window.num_padded_frames for window in windows] == [0, 1]


def test_no_more_activities_are_named_than_there_are(classifier: ActivityClassifier) -> None:
    answer = classify(classifier, make_video(0), top_k=1000)

    assert sum(activity.probability for activity in answer.clip.activities) == pytest.approx(1)
    assert len(answer.clip.activities) == 3


def test_summary_carries_the_notice(classifier: ActivityClassifier) -> None:
    summary = summarize(classifier)

    assert (summary.name, summary.runtime, summary.notice) == (
        "tiny-fp32",
        "openvino",
        "knows nothing",
    )


def test_pool_runs_functions_off_the_event_loop() -> None:
    async def run() -> tuple[int, list[str]]:
        pool, events = InferencePool(num_workers=1, max_waiting=0), []
        ident = await pool.run(threading.get_ident, on_start=lambda: events.append("started"))
        pool.close()
        return ident, events

    ident, events = asyncio.run(run())

    assert ident != threading.get_ident()
    assert events == ["started"]


def test_pool_passes_errors_on() -> None:
    async def run() -> None:
        pool = InferencePool(num_workers=1, max_waiting=0)
        try:
            await pool.run(lambda: 1 / 0, on_start=lambda: None)
        finally:
            pool.close()

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run())


def test_pool_keeps_the_place_of_an_abandoned_call_until_its_thread_is_done() -> None:
    async def run() -> str:
        pool, is_released = InferencePool(num_workers=1, max_waiting=0), threading.Event()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pool.run(is_released.wait, on_start=lambda: None), 0.01)
        with pytest.raises(QueueFullError, match="inference is full"):
            await pool.run(lambda: "too early", on_start=lambda: None)
        is_released.set()
        await asyncio.sleep(0.1)
        answer = await pool.run(lambda: "later", on_start=lambda: None)
        pool.close()
        return answer

    assert asyncio.run(run()) == "later"
