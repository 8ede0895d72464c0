"""Every kind of bad input gets a named error, and the next good request gets its answer."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.app.posting import (
    COMPARISONS,
    FRAMES,
    VIDEO,
    assert_problem,
    npy_bytes,
    png_images,
    post_array,
    post_bytes,
    post_clip,
    post_images,
)
from tests.app.running import Running, make_settings, run_service
from tests.media import barcode_frames, encode_image, write_audio, write_video

SDP = b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:1/x.ts\n"


@pytest.fixture(autouse=True)
def next_request_is_answered(client: httpx.Client, clip_path: Path) -> Iterator[None]:
    yield
    assert post_clip(client, clip_path).status_code == 200


@pytest.mark.parametrize(
    ("path", "content_type", "query"),
    [
        (VIDEO, "video/mp4", {}),
        (FRAMES, "application/x-npy", {}),
        (VIDEO, "multipart/form-data; boundary=x", {}),
        (COMPARISONS, "video/mp4", {"models": ["tiny-fp32", "tiny-int8"]}),
    ],
)
def test_empty_body_is_refused(
    client: httpx.Client, path: str, content_type: str, query: dict[str, Any]
) -> None:
    response = post_bytes(client, b"", content_type=content_type, path=path, **query)

    assert_problem(response, 422, "empty_upload")


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"hello, this is text", 415, "unsupported_media"),
        (SDP, 415, "unsupported_media"),
        (PLAYLIST, 415, "unsupported_media"),
        (b"<?xml version='1.0'?><MPD/>", 415, "unsupported_media"),
        (encode_image(barcode_frames(1)[0]), 415, "unsupported_media"),
        (encode_image(barcode_frames(1)[0], codec="mjpeg"), 415, "unsupported_media"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(1000), 422, "undecodable_media"),
        (b"\x1a\x45\xdf\xa3" + bytes(1000), 422, "undecodable_media"),
    ],
)
def test_what_is_no_video_is_refused(
    client: httpx.Client, data: bytes, status: int, code: str
) -> None:
    assert_problem(post_clip(client, data), status, code)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_video_is_refused(client: httpx.Client, clip_path: Path, share: float) -> None:
    data = clip_path.read_bytes()

    response = post_clip(client, data[: int(len(data) * share)])

    assert_problem(response, 422, "undecodable_media")


def test_audio_alone_is_refused(client: httpx.Client, tmp_path: Path) -> None:
    problem = assert_problem(
        post_clip(client, write_audio(tmp_path / "audio.mp4")), 415, "unsupported_media"
    )

    assert "no video stream" in problem["detail"]


def test_video_with_fewer_frames_than_the_minimum_is_refused(
    client: httpx.Client, tmp_path: Path
) -> None:
    path = write_video(tmp_path / "one.mp4", barcode_frames(1))

    problem = assert_problem(post_clip(client, path), 422, "media_too_short")

    assert (problem["num_frames"], problem["min_frames"]) == (1, 2)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"topk": 3}, "topk"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": "many"}, "top_k"),
        ({"stride_s": 0}, "stride_s"),
        ({"stride_s": -1}, "stride_s"),
        ({"stride_s": "nan"}, "stride_s"),
        ({"stride_s": 1e-9}, "stride_s"),
        ({"frame_rate_hz": 30}, "frame_rate_hz"),
        ({"model": ""}, "model"),
    ],
)
def test_wrong_or_unknown_parameter_is_refused(
    client: httpx.Client, clip_path: Path, query: dict[str, Any], parameter: str
) -> None:
    problem = assert_problem(post_clip(client, clip_path, **query), 422, "invalid_request")

    assert problem["faults"][0]["parameter"] == parameter


@pytest.mark.parametrize("frame_rate_hz", [0, -5, "inf", "nan", 1e9])
def test_wrong_frame_rate_is_refused(client: httpx.Client, frame_rate_hz: object) -> None:
    response = post_array(client, barcode_frames(4), frame_rate_hz=frame_rate_hz)

    assert_problem(response, 422, "invalid_request")


@pytest.mark.parametrize("model", ["nothing", "tiny-fp32@7", "tiny-fp32@", "../tiny-fp32"])
def test_unknown_model_is_refused_and_the_known_ones_are_named(
    client: httpx.Client, clip_path: Path, model: str
) -> None:
    problem = assert_problem(post_clip(client, clip_path, model=model), 404, "unknown_model")

    assert problem["reference"] == model
    assert "tiny-fp32@1" in problem["known"]


def test_model_that_was_not_asked_for_is_not_ready(client: httpx.Client, clip_path: Path) -> None:
    response = post_clip(client, clip_path, model="other-fp32")

    assert assert_problem(response, 503, "model_not_ready")["reason"] == "not asked for"


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 8, 8, 3), np.float32), "dtype is float32"),
        (np.zeros((4, 8, 8, 1), np.uint8), "shape is"),
        (np.zeros((4, 8, 3), np.uint8), "shape is"),
        (np.zeros((0, 8, 8, 3), np.uint8), "shape is"),
        (np.asfortranarray(np.zeros((4, 8, 8, 3), np.uint8)), "Fortran order"),
        (np.zeros((1, 5, 32, 32, 3), np.uint8), "5 frames"),
    ],
)
def test_array_of_a_wrong_form_is_refused(
    client: httpx.Client, array: NDArray[Any], message: str
) -> None:
    problem = assert_problem(post_array(client, array), 422, "invalid_frames")

    assert message in problem["detail"]


def test_array_that_pickles_is_refused_unopened(client: httpx.Client, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "exploded"),)

    data = npy_bytes(np.array([Bomb()], dtype=object), allow_pickle=True)

    assert_problem(
        post_bytes(client, data, content_type="application/x-npy", path=FRAMES),
        422,
        "invalid_frames",
    )
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("data", [b"hello", npy_bytes(barcode_frames(4))[:-1]])
def test_what_is_no_whole_array_is_refused(client: httpx.Client, data: bytes) -> None:
    response = post_bytes(client, data, content_type="application/x-npy", path=FRAMES)

    assert_problem(response, 422, "invalid_frames")


def test_array_with_too_few_frames_is_refused(client: httpx.Client) -> None:
    assert_problem(post_array(client, barcode_frames(1)), 422, "media_too_short")


def test_images_of_different_sizes_are_refused(client: httpx.Client) -> None:
    images = png_images(barcode_frames(3)) + png_images(barcode_frames(1, width_px=32))

    assert_problem(post_images(client, images), 422, "invalid_frames")


@pytest.mark.parametrize(
    ("image", "status", "code"),
    [
        (b"hello", 415, "unsupported_media"),
        (encode_image(barcode_frames(1)[0])[:60], 422, "undecodable_media"),
        (b"", 422, "empty_upload"),
    ],
)
def test_broken_image_is_refused(
    client: httpx.Client, image: bytes, status: int, code: str
) -> None:
    images = [*png_images(barcode_frames(2)), image]

    assert_problem(post_images(client, images), status, code)


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        (VIDEO, "text/plain"),
        (VIDEO, "application/x-npy"),
        (VIDEO, "application/x-www-form-urlencoded"),
        (VIDEO, ""),
        (FRAMES, "video/mp4"),
        (FRAMES, "image/png"),
    ],
)
def test_content_type_that_is_not_accepted_is_refused(
    client: httpx.Client, path: str, content_type: str
) -> None:
    response = post_bytes(client, b"x", content_type=content_type, path=path)

    assert "accepted are" in assert_problem(response, 415, "unsupported_media")["detail"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([("video", b"x")], "field 'video' is unknown, accepted are: clip"),
        ([("frames", b"x")], "field 'frames' is unknown, accepted are: clip"),
        ([("clip", b"x"), ("clip", b"y")], "more than one clip"),
    ],
)
def test_form_with_other_fields_than_the_documented_ones_is_refused(
    client: httpx.Client, files: list[tuple[str, bytes]], message: str
) -> None:
    response = client.post(VIDEO, files=[(name, ("x", data)) for name, data in files])

    assert message in assert_problem(response, 422, "invalid_upload")["detail"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b"hello"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n"),
        ("multipart/form-data; boundary=x", b"--x--\r\n"),
    ],
)
def test_broken_form_is_refused(client: httpx.Client, content_type: str, body: bytes) -> None:
    response = post_bytes(client, body, content_type=content_type)

    assert_problem(response, 422, "invalid_upload")


@pytest.mark.parametrize(("method", "status"), [("GET", 405), ("PUT", 405), ("PROPFIND", 405)])
def test_wrong_method_is_a_problem_document(client: httpx.Client, method: str, status: int) -> None:
    response = client.request(method, VIDEO)

    assert_problem(response, status, "method_not_allowed")
    assert response.headers["allow"] == "POST"


def test_unknown_path_is_a_problem_document(client: httpx.Client) -> None:
    assert_problem(client.get("/v2/predictions"), 404, "not_found")


@pytest.fixture(scope="module")
def strict(model_dir: Path) -> Iterator[Running]:
    """A service with limits so low that small media are over them."""
    settings = make_settings(
        model_dir,
        max_upload_bytes=200_000,
        max_pixels=64 * 64,
        max_duration_s=5,
        max_frames=60,
        max_windows=4,
        max_batch_bytes=10 * 64 * 64 * 3,
        max_aspect_ratio=2,
    )
    with run_service(settings) as running:
        yield running


@pytest.mark.parametrize(
    ("limit", "num_frames", "size_px", "rate_hz", "stride_s"),
    [
        ("max_pixels", 4, (96, 64), 10, None),
        ("max_aspect_ratio", 4, (64, 16), 10, None),
        ("max_duration_s", 30, (64, 64), 5, None),
        ("max_frames", 61, (64, 64), 30, None),
        ("max_windows", 30, (64, 64), 10, 0.1),
    ],
)
def test_video_over_a_limit_is_refused_with_the_limit(
    strict: Running,
    tmp_path: Path,
    limit: str,
    num_frames: int,
    size_px: tuple[int, int],
    rate_hz: float,
    stride_s: float | None,
) -> None:
    frames_THWC = barcode_frames(num_frames, height_px=size_px[0], width_px=size_px[1])
    path = write_video(tmp_path / "clip.mp4", frames_THWC, frame_rate_hz=rate_hz)
    query: dict[str, Any] = {} if stride_s is None else {"stride_s": stride_s}

    response = post_clip(strict.client, path, **query)

    problem = assert_problem(response, 422, "media_limit_exceeded")
    assert problem["limit"] == limit
    assert problem["found"] > problem["accepted"] == getattr(strict.service.settings, limit)


def test_batch_over_its_limit_is_refused(strict: Running) -> None:
    problem = assert_problem(
        post_array(strict.client, barcode_frames(11)), 422, "media_limit_exceeded"
    )

    assert problem["limit"] == "max_batch_bytes"


def test_more_parts_than_frames_may_be_are_refused_while_they_arrive(strict: Running) -> None:
    problem = assert_problem(post_images(strict.client, [b"x"] * 61), 422, "media_limit_exceeded")

    assert (problem["limit"], problem["found"], problem["accepted"]) == ("max_frames", 61, 60)


def test_body_over_the_limit_is_refused_by_its_announcement(strict: Running) -> None:
    problem = assert_problem(post_bytes(strict.client, bytes(300_000)), 413, "upload_too_large")

    assert (problem["limit"], problem["found"], problem["accepted"]) == (
        "max_upload_bytes",
        300_000,
        200_000,
    )


def test_body_over_the_limit_is_refused_while_it_arrives(strict: Running) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield bytes(50_000)

    response = strict.client.post(VIDEO, content=endless(), headers={"content-type": "video/mp4"})

    assert assert_problem(response, 413, "upload_too_large")["found"] < 1_000_000
    assert list(strict.service.spool.iterdir()) == []
