"""What peers compute must be what the service computes, to the last bit."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.payloads import encode_jpeg, encode_npy
from benchmarks.peers.pipeline import Pipeline
from benchmarks.shipped import shipped_models
from models.classifier import ActivityClassifier, load_classifier
from models.video.arrays import frames_to_windows
from models.video.decode import read_windows
from models.video.frames import images_to_windows
from tests.media import barcode_frames, write_video


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline()


@pytest.fixture(scope="module")
def classifier() -> ActivityClassifier:
    folder = shipped_models().resolve("default").folder
    return load_classifier(folder, runtime_name="openvino", num_threads=1)


def frames(num_frames: int, *, size_px: int = 128) -> NDArray[np.uint8]:
    return barcode_frames(num_frames, height_px=size_px, width_px=size_px)


def test_peers_answer_a_video_as_the_service_does(
    pipeline: Pipeline, classifier: ActivityClassifier, tmp_path: Path
) -> None:
    path = write_video(tmp_path / "clip.mp4", frames(90))
    windows = read_windows(path, classifier.card.spec).windows_NTHWC

    probabilities = pipeline.predict_video(str(path))

    assert probabilities == classifier.predict(windows).clip_probs_K.tolist()
    assert pipeline.predict_body("mp4", path.read_bytes()) == probabilities


def test_peers_answer_every_window_of_a_long_video(
    pipeline: Pipeline, classifier: ActivityClassifier, tmp_path: Path
) -> None:
    path = write_video(tmp_path / "clip.mp4", frames(200))
    windows = read_windows(path, classifier.card.spec).windows_NTHWC

    assert len(windows) == 2
    assert pipeline.predict_video(str(path)) == classifier.predict(windows).clip_probs_K.tolist()


def test_peers_answer_an_array_as_the_service_does(
    pipeline: Pipeline, classifier: ActivityClassifier
) -> None:
    frames_THWC = frames(16, size_px=112)
    windows = frames_to_windows(frames_THWC, classifier.card.spec, frame_rate_hz=16 / 3)

    probabilities = pipeline.predict_array(BytesIO(encode_npy(frames_THWC)))

    assert probabilities == classifier.predict(windows.windows_NTHWC).clip_probs_K.tolist()


def test_peers_answer_images_as_the_service_does(
    pipeline: Pipeline, classifier: ActivityClassifier
) -> None:
    images = [encode_jpeg(frame_HWC) for frame_HWC in frames(16)]
    windows = images_to_windows(images, classifier.card.spec, frame_rate_hz=16 / 3)

    probabilities = pipeline.predict_images(images)

    assert probabilities == classifier.predict(windows.windows_NTHWC).clip_probs_K.tolist()
