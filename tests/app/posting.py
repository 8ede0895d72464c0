"""Posts media to the service under test."""

import io
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from tests.media import encode_image

VIDEO = "/v1/predictions"
FRAMES = "/v1/predictions/frames"
COMPARISONS = "/v1/comparisons"


def post_clip(
    client: httpx.Client, clip: Path | bytes, *, path: str = VIDEO, **query: Any
) -> httpx.Response:
    """Post a video as the multipart field `clip`."""
    data = clip.read_bytes() if isinstance(clip, Path) else clip
    return client.post(path, files={"clip": ("clip.mp4", data)}, params=query)


def post_bytes(
    client: httpx.Client,
    data: bytes,
    *,
    content_type: str = "video/mp4",
    path: str = VIDEO,
    **query: Any,
) -> httpx.Response:
    """Post bytes as the body."""
    return client.post(path, content=data, headers={"content-type": content_type}, params=query)


def post_images(
    client: httpx.Client, images: list[bytes], *, path: str = FRAMES, **query: Any
) -> httpx.Response:
    """Post images as parts `frames`, in their order."""
    files = [("frames", (f"{index}.png", image)) for index, image in enumerate(images)]
    return client.post(path, files=files, params=query)


def post_array(
    client: httpx.Client, array: NDArray[Any], *, path: str = FRAMES, **query: Any
) -> httpx.Response:
    """Post an array as an npy body."""
    return post_bytes(
        client, npy_bytes(array), content_type="application/x-npy", path=path, **query
    )


def npy_bytes(array: NDArray[Any], *, allow_pickle: bool = False) -> bytes:
    """Return an array as the bytes of an npy file."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=allow_pickle)
    return file.getvalue()


def png_images(frames_THWC: NDArray[np.uint8]) -> list[bytes]:
    """Return frames as PNG files."""
    return [encode_image(frame_HWC) for frame_HWC in frames_THWC]


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that a response is a complete problem document, and return it."""
    problem: dict[str, Any] = response.json()
    assert (response.status_code, problem["code"]) == (status, code), problem
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"].endswith(f":{code}")
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["title"]
    assert problem["detail"]
    return problem
