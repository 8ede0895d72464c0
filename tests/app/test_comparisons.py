import shutil
from pathlib import Path

import httpx
import pytest

from app.answers import choose_compared
from app.errors import IncomparableModelsError
from models.registry import ModelRegistry
from models.spec import ClipSpec
from tests.app.posting import (
    COMPARISONS,
    assert_problem,
    png_images,
    post_array,
    post_clip,
    post_images,
)
from tests.app.running import make_settings, run_service
from tests.media import barcode_frames, write_video
from tests.model_factory import write_model_folder

BOTH = ["tiny-fp32", "tiny-int8"]


def test_comparison_gives_each_answer_as_a_prediction_would(
    client: httpx.Client, clip_path: Path
) -> None:
    answers = post_clip(client, clip_path, path=COMPARISONS, models=BOTH).json()["answers"]

    alone = [post_clip(client, clip_path, model=model).json() for model in BOTH]
    assert [answer["windows"] for answer in answers] == [answer["windows"] for answer in alone]
    assert [answer["model"] for answer in answers] == [answer["model"] for answer in alone]


def test_comparison_says_how_the_answers_differ(client: httpx.Client, tmp_path: Path) -> None:
    path = write_video(tmp_path / "long.mp4", barcode_frames(60), frame_rate_hz=10)

    comparison = post_clip(client, path, path=COMPARISONS, models=BOTH).json()

    (pair,) = comparison["pairs"]
    tops = [
        [window["activities"][0]["label"] for window in answer["windows"]]
        for answer in comparison["answers"]
    ]
    assert (pair["baseline"], pair["candidate"]) == ("tiny-fp32@1", "tiny-int8@1")
    assert pair["window_agreement"] == [a == b for a, b in zip(*tops, strict=True)]
    assert pair["agreement_ratio"] == sum(pair["window_agreement"]) / 2
    assert 0 < pair["mean_abs_difference"] <= pair["max_abs_difference"] <= 1
    assert pair["latency_ratio"] > 0


def test_first_model_is_the_baseline_of_all_others(
    model_dir: Path, clip_path: Path, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(model_dir, tmp_path / "weights"))
    write_model_folder(root, name="third-fp32", seed=3)
    models = ["third-fp32", *BOTH]
    with run_service(make_settings(root, models=models)) as running:
        response = post_clip(running.client, clip_path, path=COMPARISONS, models=models)

    pairs = [(pair["baseline"], pair["candidate"]) for pair in response.json()["pairs"]]
    assert pairs == [("third-fp32@1", "tiny-fp32@1"), ("third-fp32@1", "tiny-int8@1")]


def test_models_that_take_or_know_something_else_are_not_compared(
    model_dir: Path, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(model_dir, tmp_path / "weights"))
    write_model_folder(root, name="long-fp32", spec=ClipSpec(num_frames=8, size_px=32))
    registry = ModelRegistry(
        root,
        requested=["tiny-fp32", "other-fp32", "long-fp32"],
        aliases={},
        runtime_name="openvino",
        num_threads=1,
    )
    registry.load()

    with pytest.raises(IncomparableModelsError, match="other-fp32@1 knows other activities"):
        choose_compared(registry, ["tiny-fp32", "other-fp32"])
    with pytest.raises(IncomparableModelsError, match="long-fp32@1 takes other windows"):
        choose_compared(registry, ["tiny-fp32", "long-fp32"])


def test_images_and_arrays_can_be_compared_on(client: httpx.Client) -> None:
    frames_THWC = barcode_frames(12)

    images = post_images(client, png_images(frames_THWC), path=COMPARISONS, models=BOTH)
    array = post_array(client, frames_THWC, path=COMPARISONS, models=BOTH)

    assert images.json()["answers"][0]["windows"] == array.json()["answers"][0]["windows"]


@pytest.mark.parametrize(
    ("models", "status", "code"),
    [
        ([], 422, "invalid_request"),
        (["tiny-fp32"], 422, "invalid_request"),
        (["tiny-fp32", "tiny-fp32"], 422, "incomparable_models"),
        (["tiny-int8", "default"], 422, "incomparable_models"),
        (["tiny-fp32"] * 9, 422, "invalid_request"),
        (["tiny-fp32", "nothing"], 404, "unknown_model"),
        (["tiny-fp32", "other-fp32"], 503, "model_not_ready"),
    ],
)
def test_models_that_cannot_be_compared_are_refused(
    client: httpx.Client, clip_path: Path, models: list[str], status: int, code: str
) -> None:
    response = post_clip(client, clip_path, path=COMPARISONS, models=models)

    assert_problem(response, status, code)
