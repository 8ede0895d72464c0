from pathlib import Path

import httpx
import numpy as np
import pytest

from app import uploads
from models.classifier import load_classifier
from models.video.decode import read_windows
from tests.app.posting import (
    FRAMES,
    VIDEO,
    png_images,
    post_array,
    post_bytes,
    post_clip,
    post_images,
)
from tests.app.running import Running
from tests.media import barcode_frames, encode_image, write_video


def test_video_is_answered_as_the_model_itself_answers_it(
    client: httpx.Client, clip_path: Path, model_dir: Path
) -> None:
    classifier = load_classifier(
        model_dir / "tiny-int8" / "1", runtime_name="openvino", num_threads=1
    )
    video = read_windows(clip_path, classifier.card.spec)
    probs_K = classifier.predict(video.windows_NTHWC).clip_probs_K

    answer = post_clip(client, clip_path).json()

    labels = classifier.card.labels
    found = {item["label"]: item["probability"] for item in answer["clip"]["activities"]}
    assert found == {label: float(probs_K[index]) for index, label in enumerate(labels)}


def test_answer_says_which_model_answered_and_what_was_decoded(
    client: httpx.Client, clip_path: Path
) -> None:
    answer = post_clip(client, clip_path).json()

    assert answer["model"] == {
        "name": "tiny-int8",
        "version": 1,
        "precision": "int8",
        "runtime": "openvino",
        "notice": "knows nothing",
    }
    assert answer["media"]["codec"] == "h264"
    assert (answer["media"]["num_frames"], answer["media"]["duration_s"]) == (30, 3.0)
    assert (answer["media"]["width_px"], answer["media"]["height_px"]) == (64, 64)


def test_answer_says_how_long_each_stage_took(client: httpx.Client, clip_path: Path) -> None:
    timings = post_clip(client, clip_path).json()["timings"]

    stages = {"upload_ms", "queue_ms", "decode_ms", "inference_ms", "postprocess_ms"}
    assert set(timings) == stages | {"total_ms"}
    assert 0 < sum(timings[stage] for stage in stages) <= timings["total_ms"]


@pytest.mark.parametrize("content_type", ["video/mp4", "video/x-foo", "application/octet-stream"])
def test_bare_body_is_answered_like_a_multipart_one(
    client: httpx.Client, clip_path: Path, content_type: str
) -> None:
    bare = post_bytes(client, clip_path.read_bytes(), content_type=content_type)
    multipart = post_clip(client, clip_path)

    assert bare.status_code == 200
    assert bare.json()["windows"] == multipart.json()["windows"]


def test_chunked_body_is_answered(client: httpx.Client, clip_path: Path) -> None:
    def chunks() -> object:
        data = clip_path.read_bytes()
        yield from (data[:100], data[100:])

    response = client.post(VIDEO, content=chunks(), headers={"content-type": "video/mp4"})  # type: ignore[arg-type]

    assert response.status_code == 200


def test_long_video_is_answered_as_windows_over_time(client: httpx.Client, tmp_path: Path) -> None:
    path = write_video(tmp_path / "long.mkv", barcode_frames(80), frame_rate_hz=10)

    plain = post_clip(client, path).json()["windows"]
    dense = post_clip(client, path, stride_s=1).json()["windows"]

    assert [(window["start_s"], window["end_s"]) for window in plain] == [(0, 3), (3, 6), (6, 9)]
    assert [window["num_padded_frames"] for window in plain] == [0, 0, 1]
    assert [window["start_s"] for window in dense] == [0, 1, 2, 3, 4, 5, 6]
    assert dense[3]["activities"] == plain[1]["activities"]


def test_short_video_is_padded_and_says_so(client: httpx.Client, tmp_path: Path) -> None:
    path = write_video(tmp_path / "short.mp4", barcode_frames(10), frame_rate_hz=10)

    (window,) = post_clip(client, path).json()["windows"]

    assert window["num_padded_frames"] > 0
    assert window["end_s"] == 3


def test_video_is_decoded_as_the_request_says_or_else_exactly(
    client: httpx.Client, clip_path: Path
) -> None:
    answers = [post_clip(client, clip_path, **query).json() for query in ({}, {"decode": "fast"})]

    assert [answer["media"]["decode"] for answer in answers] == ["exact", "fast"]


@pytest.mark.parametrize("reference", ["tiny-fp32", "tiny-fp32@1", "tiny-int8", "default"])
def test_model_is_chosen_by_name_version_or_alias(
    client: httpx.Client, clip_path: Path, reference: str
) -> None:
    model = post_clip(client, clip_path, model=reference).json()["model"]

    assert model["name"] == ("tiny-fp32" if "fp32" in reference else "tiny-int8")


def test_top_k_bounds_the_activities(client: httpx.Client, clip_path: Path) -> None:
    answer = post_clip(client, clip_path, top_k=1).json()

    assert len(answer["clip"]["activities"]) == 1
    assert len(answer["windows"][0]["activities"]) == 1


def test_images_arrays_and_lossless_frames_of_a_video_are_answered_alike(
    client: httpx.Client,
) -> None:
    frames_THWC = barcode_frames(30)

    images = post_images(client, png_images(frames_THWC), frame_rate_hz=10).json()
    array = post_array(client, frames_THWC, frame_rate_hz=10).json()

    assert images["windows"] == array["windows"]
    assert images["media"]["container"] == "images"
    assert images["media"]["num_frames"] == array["media"]["num_frames"] == 30


def test_jpeg_images_are_answered(client: httpx.Client) -> None:
    images = [encode_image(frame_HWC, codec="mjpeg") for frame_HWC in barcode_frames(5)]

    response = post_images(client, images, frame_rate_hz=2)

    assert response.json()["media"]["codec"] == "mjpeg"


def test_order_of_the_images_matters(client: httpx.Client) -> None:
    images = png_images(barcode_frames(30))

    forward = post_images(client, images, frame_rate_hz=10).json()
    backward = post_images(client, images[::-1], frame_rate_hz=10).json()

    assert forward["windows"] != backward["windows"]


def test_frames_without_a_rate_fill_one_window(client: httpx.Client) -> None:
    frames_THWC = barcode_frames(12)

    images = post_images(client, png_images(frames_THWC)).json()
    array = post_array(client, frames_THWC).json()

    assert len(images["windows"]) == 1
    assert images["windows"] == array["windows"]
    assert images["media"]["frame_rate_hz"] == 4


def test_array_of_clips_is_answered_clip_by_clip(client: httpx.Client) -> None:
    clips_NTHWC = barcode_frames(12, height_px=32, width_px=32).reshape(3, 4, 32, 32, 3)

    together = post_array(client, clips_NTHWC).json()["windows"]
    alone = [post_array(client, clip_NTHWC[None]).json() for clip_NTHWC in clips_NTHWC]

    assert len(together) == 3
    assert [window["activities"] for window in together] == [
        answer["windows"][0]["activities"] for answer in alone
    ]


def test_request_id_of_a_client_is_kept(client: httpx.Client) -> None:
    response = client.get("/health/live", headers={"x-request-id": "trip-42.front"})

    assert response.headers["x-request-id"] == "trip-42.front"


@pytest.mark.parametrize("client_id", ["short", "x" * 65, "a b c d e f", "{}$(reboot)", ""])
def test_request_id_that_could_do_harm_is_replaced(client: httpx.Client, client_id: str) -> None:
    response = client.get("/health/live", headers={"x-request-id": client_id})

    assert response.headers["x-request-id"] != client_id
    assert len(response.headers["x-request-id"]) == 32


def test_answer_and_header_carry_the_same_request_id(client: httpx.Client, clip_path: Path) -> None:
    response = post_clip(client, clip_path)

    assert response.json()["request_id"] == response.headers["x-request-id"]


@pytest.mark.parametrize("memory_bytes", [0, uploads.MEMORY_BYTES])
def test_uploads_are_answered_and_leave_no_files(
    running: Running, clip_path: Path, monkeypatch: pytest.MonkeyPatch, memory_bytes: int
) -> None:
    monkeypatch.setattr(uploads, "MEMORY_BYTES", memory_bytes)
    client, frames_THWC = running.client, barcode_frames(4)

    answers = [
        post_clip(client, clip_path),
        post_images(client, [encode_image(frame_HWC) for frame_HWC in frames_THWC]),
        post_array(client, frames_THWC),
    ]
    broken = post_clip(client, b"broken")

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert broken.status_code == 415
    assert list(running.service.spool.iterdir()) == []


def test_probabilities_are_those_of_float32(client: httpx.Client) -> None:
    answer = post_array(client, barcode_frames(4), path=FRAMES).json()

    total = sum(item["probability"] for item in answer["clip"]["activities"])
    assert total == pytest.approx(1, abs=3 * float(np.finfo(np.float32).eps))


def test_large_array_arrives_whole(client: httpx.Client) -> None:
    clips_NTHWC = barcode_frames(128, height_px=80, width_px=80).reshape(32, 4, 80, 80, 3)
    clips_NTHWC[-1] = 255

    windows = post_array(client, clips_NTHWC).json()["windows"]

    (last,) = post_array(client, clips_NTHWC[-1:]).json()["windows"]
    assert len(windows) == 32
    assert windows[-1]["activities"] == last["activities"]


def test_large_form_arrives_whole(client: httpx.Client) -> None:
    noise_THWC = np.random.default_rng(0).integers(0, 256, (2, 700, 700, 3), np.uint8)

    images = post_images(client, png_images(noise_THWC)).json()
    array = post_array(client, noise_THWC).json()

    assert images["windows"] == array["windows"]
