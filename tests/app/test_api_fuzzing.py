"""Thousands of requests made from the OpenAPI document: none breaks the service or its document."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.app.access.making import add_key
from tests.app.posting import npy_bytes, png_images
from tests.app.running import Running, make_settings, run_service
from tests.conftest import REPOSITORY_ROOT
from tests.media import barcode_frames, write_video
from tests.model_factory import write_model_folder

MEDIA_VARIABLE = "FUZZING_MEDIA"
NUM_REQUESTS = 5000
TIMEOUT_S = 900  # a guard against a hang: 130 s on two slow cores, more beside coverage
ROUTES = ("/v1/predictions", "/v1/predictions/frames", "/v1/comparisons", "/v1/experiments")
# What a schema cannot say: that bytes are a video, that two models differ, that a request is known.
# And a server error may be a refusal: `fuzzing_media` has a check of its own for that.
NOT_CHECKED = "positive_data_acceptance,not_a_server_error"
CONFIG = """
[phases.stateful]
enabled = false

[[operations]]
include-name = "GET /v1/experiments/{name}/report"
generation.max-examples = 10
"""


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    return tmp_path / "keys.jsonl"


@pytest.fixture
def documented(tmp_path: Path, keys_file: Path) -> Iterator[tuple[Running, str]]:
    """A service whose tiny models have the names of the document's examples, and a key of it."""
    root = tmp_path / "weights"
    models = ("mobilenet3d-lite-int8", "mobilenet3d-lite-fp32")
    write_model_folder(root, name=models[0], precision="int8", seed=1)
    write_model_folder(root, name=models[1])
    key = add_key(keys_file, "fuzzer", "predict,metrics,admin")
    settings = make_settings(root, models=models, aliases={}, keys_file=keys_file)
    with run_service(settings) as running:
        yield running, key


@pytest.fixture
def media_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    clip = write_video(folder / "clip.mp4", barcode_frames(12), frame_rate_hz=4)
    (folder / "half.mp4").write_bytes(clip.read_bytes()[:1000])
    (folder / "image.png").write_bytes(png_images(barcode_frames(1))[0])
    (folder / "frames.npy").write_bytes(npy_bytes(np.zeros((4, 32, 32, 3), dtype=np.uint8)))
    return folder


@pytest.mark.slow
def test_no_request_breaks_the_service_or_its_document(
    documented: tuple[Running, str], media_dir: Path, tmp_path: Path
) -> None:
    running, key = documented

    report, output = run_schemathesis(running, key, media_dir=media_dir, folder=tmp_path)
    metrics = running.client.get("/metrics", headers={"Authorization": f"Bearer {key}"}).text

    answered = {route: count_requests(metrics, f'code="ok",route="{route}"') for route in ROUTES}
    print(f"{report['test_cases']} in {report['running_time']:.0f} s, answered {answered}")
    assert report["failures"] == [], output
    assert report["errors"] == [], output
    assert count_requests(metrics) >= NUM_REQUESTS
    assert count_requests(metrics, 'code="internal_error"') == 0
    assert all(answered.values())


def run_schemathesis(
    running: Running, key: str, *, media_dir: Path, folder: Path
) -> tuple[dict[str, Any], str]:
    """Return the report and the output of a run, which is the same every time."""
    (folder / "schemathesis.toml").write_text(CONFIG)
    report = folder / "report.json"
    command = [
        *(str(Path(sys.executable).parent / "schemathesis"), "run"),
        str(running.client.base_url.join("/openapi.json")),
        *("--header", f"Authorization: Bearer {key}"),
        *("--checks", "all", "--exclude-checks", NOT_CHECKED, "--continue-on-failure"),
        *("--generation-deterministic", "--max-examples", "450", "--no-shrink", "--no-color"),
        *("--report", "json", "--report-json-path", str(report)),
    ]
    env = {
        **os.environ,
        MEDIA_VARIABLE: str(media_dir),
        "PYTHONPATH": str(REPOSITORY_ROOT),
        "SCHEMATHESIS_HOOKS": "tests.app.fuzzing_media",
    }
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert report.exists(), done.stdout + done.stderr
    return json.loads(report.read_text()), done.stdout


def count_requests(metrics: str, having: str = "") -> float:
    """Return how many requests were answered, of those with some label."""
    lines = [line for line in metrics.splitlines() if line.startswith("driver_activity_requests_t")]
    return sum(float(line.rpartition(" ")[2]) for line in lines if having in line)
