from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.card import ModelCard
from models.classifier import ActivityClassifier, load_classifier, softmax
from models.errors import CorruptFileError, InvalidFramesError, WeightsError
from models.runtimes import RuntimeName
from tests.model_factory import write_model_folder
from tests.models.test_card import card_fields

Infer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class FunctionRuntime:
    """A runtime that computes with a function of numpy."""

    name: RuntimeName = "openvino"

    def __init__(self, function: Infer) -> None:
        self.infer = function


def make_classifier(function: Infer) -> ActivityClassifier:
    return ActivityClassifier(ModelCard.model_validate(card_fields()), FunctionRuntime(function))


def brightness(windows_NTHWC: NDArray[np.uint8]) -> NDArray[np.float32]:
    mean_N = windows_NTHWC.mean(axis=(1, 2, 3, 4), dtype=np.float32) / 255
    return np.stack([mean_N, 1 - mean_N], axis=1)


def windows(*levels: int) -> NDArray[np.uint8]:
    return np.concatenate([np.full((1, 4, 32, 32, 3), level, np.uint8) for level in levels])


def test_softmax_rows_sum_to_one_for_extreme_logits() -> None:
    logits_NK = np.array([[1e4, -1e4, 0], [0, 0, 0]], np.float32)

    probs_NK = softmax(logits_NK, temperature=1.0)

    np.testing.assert_allclose(
        probs_NK, np.array([[1, 0, 0], [1 / 3] * 3]), rtol=1e-6
    )  # float32 rounding
    assert probs_NK.dtype == np.float32


def test_temperature_softens_without_changing_the_order() -> None:
    logits_NK = np.array([[2.0, 0.0]], np.float32)

    probs_NK = softmax(logits_NK, temperature=2.0)

    np.testing.assert_allclose(probs_NK[0, 0] / probs_NK[0, 1], np.e, rtol=1e-6)


def test_model_answers_at_the_temperature_of_its_card(tmp_path: Path) -> None:
    cold, warm = (
        load_classifier(
            write_model_folder(tmp_path, name=name, temperature=temperature),
            runtime_name="openvino",
            num_threads=1,
        )
        for name, temperature in (("cold", 1.0), ("warm", 4.0))
    )

    logits_NK = cold.runtime.infer(windows(0, 200))

    for classifier, temperature in ((cold, 1.0), (warm, 4.0)):
        expected_NK = softmax(logits_NK, temperature=temperature)
        np.testing.assert_allclose(
            classifier.predict(windows(0, 200)).probs_NK, expected_NK, rtol=1e-6
        )


def test_answer_for_the_video_is_the_mean_of_its_windows() -> None:
    prediction = make_classifier(brightness).predict(windows(0, 255))

    assert prediction.probs_NK.argmax(axis=1).tolist() == [1, 0]
    np.testing.assert_allclose(prediction.clip_probs_K, [0.5, 0.5], rtol=1e-6)
    assert prediction.inference_s > 0


@pytest.mark.parametrize(
    "wrong_windows",
    [
        windows(1).astype(np.float32),
        windows(1)[:, :3],
        windows(1)[0],
        windows(1)[:0],
        windows(1)[..., :1],
    ],
)
def test_windows_of_another_shape_or_dtype_are_refused(wrong_windows: NDArray[np.uint8]) -> None:
    with pytest.raises(InvalidFramesError, match=r"takes uint8 \(N, 4, 32, 32, 3\)"):
        make_classifier(brightness).predict(wrong_windows)


@pytest.mark.parametrize(
    "function",
    [
        lambda _: np.zeros((1, 3), np.float32),
        lambda _: np.full((1, 2), np.nan, np.float32),
    ],
)
def test_warm_up_finds_a_network_that_does_not_fit_its_labels(function: Infer) -> None:
    with pytest.raises(WeightsError, match="needs 2 finite probabilities"):
        make_classifier(function).warm_up()


@pytest.mark.parametrize("runtime_name", ["openvino", "torch"])
def test_model_folder_answers_on_every_runtime(tmp_path: Path, runtime_name: RuntimeName) -> None:
    folder = write_model_folder(tmp_path)

    classifier = load_classifier(folder, runtime_name=runtime_name, num_threads=1)

    probs_NK = classifier.predict(windows(0, 200)).probs_NK
    assert classifier.runtime.name == runtime_name
    np.testing.assert_allclose(probs_NK.sum(axis=1), 1, rtol=1e-6)  # float32 rounding


def test_changed_weights_are_found_before_they_are_opened(tmp_path: Path) -> None:
    folder = write_model_folder(tmp_path)
    (folder / "model.onnx").write_bytes(b"not what the card names")

    with pytest.raises(CorruptFileError, match=r"model.onnx has sha256"):
        load_classifier(folder, runtime_name="openvino", num_threads=1)


def test_what_the_engine_refuses_is_an_error_of_the_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no such operator")

    folder = write_model_folder(tmp_path)
    monkeypatch.setattr("models.classifier.load_runtime", refuse)

    with pytest.raises(WeightsError, match="does not run on openvino: no such operator"):
        load_classifier(folder, runtime_name="openvino", num_threads=1)
