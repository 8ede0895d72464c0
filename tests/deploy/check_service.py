"""Asks a running service what a driver does, and checks the answer.

Run by `deploy/container.sh`: `python -m tests.deploy.check_service --key KEY URL [CLIP]`.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.media import barcode_frames, write_video

START_TIMEOUT_S = 60.0


class CheckError(Exception):
    """The service does not do what it should."""


def check_service(client: httpx.Client, *, clip: bytes) -> str:
    """Check that strangers are refused, models and records are there, and an answer adds up.

    Returns:
        The answer in a line.

    Raises:
        CheckError: If anything is not so.
    """
    wait_until_ready(client)
    check_strangers(client)
    _get_json(client, "/v1/experiments")  # refused without records
    models = _get_json(client, "/v1/models")["models"]
    check_models(models)
    num_labels = max(len(model["card"]["labels"]) for model in models)
    return check_answer(post_clip(client, clip, top_k=num_labels))


def wait_until_ready(client: httpx.Client, *, timeout_s: float = START_TIMEOUT_S) -> None:
    """Wait for a service that starts.

    Raises:
        CheckError: If it is not ready in time.
    """
    deadline = time.monotonic() + timeout_s
    state = "no answer"
    while time.monotonic() < deadline:
        try:
            response = client.get("/health/ready")
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        if response.is_success:
            return
        state = response.text
        time.sleep(0.1)
    raise CheckError(f"not ready after {timeout_s:g} s: {state}")


def check_strangers(client: httpx.Client) -> None:
    """Check that nobody is served without a key.

    Raises:
        CheckError: If somebody is.
    """
    status = client.get("/v1/models", headers={"Authorization": ""}).status_code
    if status != 401:
        raise CheckError(f"a stranger is answered with {status}, not 401")


def check_models(models: Sequence[dict[str, Any]]) -> None:
    """Check that a model is ready and none failed; not every installed one has to be loaded.

    Raises:
        CheckError: If that is not so.
    """
    failed = [model["reference"] for model in models if model["state"] == "failed"]
    if failed:
        raise CheckError(f"models cannot be loaded: {', '.join(failed)}")
    if not any(model["state"] == "ready" for model in models):
        raise CheckError("no model is ready")


def post_clip(client: httpx.Client, clip: bytes, *, top_k: int) -> dict[str, Any]:
    """Return what the service says of a clip.

    Raises:
        CheckError: If it refuses the clip.
    """
    response = client.post("/v1/predictions", params={"top_k": top_k}, files={"clip": clip})
    return _read_json(response)


def check_answer(answer: dict[str, Any]) -> str:
    """Check that all probabilities were given and sum to 1, and tell the answer in a line.

    Raises:
        CheckError: If they do not.
    """
    for part in (answer["clip"], *answer["windows"]):
        total = sum(activity["probability"] for activity in part["activities"])
        if not math.isclose(total, 1, abs_tol=1e-3):  # probabilities may be rounded
            raise CheckError(f"probabilities sum to {total}, not 1")
    best, model = answer["clip"]["activities"][0], answer["model"]
    return (
        f"{best['label']} ({best['probability']:.2f}) says {model['name']}@{model['version']} on "
        f"{model['runtime']} in {answer['timings']['total_ms']:.0f} ms"
    )


def make_clip() -> bytes:
    """Return a video of three seconds, 640x480 H.264, that shows no driver."""
    with tempfile.TemporaryDirectory() as folder:
        frames_THWC = barcode_frames(90, height_px=480, width_px=640)
        return write_video(Path(folder) / "clip.mp4", frames_THWC).read_bytes()


def _get_json(client: httpx.Client, path: str) -> dict[str, Any]:
    return _read_json(client.get(path))


def _read_json(response: httpx.Response) -> dict[str, Any]:
    if not response.is_success:
        raise CheckError(f"{response.request.url} answered {response.status_code}: {response.text}")
    body: dict[str, Any] = response.json()
    return body


def main() -> None:
    """Check the service that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--key", required=True, help="an API key with the scopes predict and admin")
    parser.add_argument("clip", type=Path, nargs="?", help="a video; without one, one is drawn")
    options = parser.parse_args()
    clip = options.clip.read_bytes() if options.clip else make_clip()
    headers = {"Authorization": f"Bearer {options.key}"}
    with httpx.Client(base_url=options.url, headers=headers, trust_env=False, timeout=30) as client:
        try:
            print(check_service(client, clip=clip))
        except CheckError as exc:
            raise SystemExit(f"check_service: error: {exc}") from exc


if __name__ == "__main__":
    main()
