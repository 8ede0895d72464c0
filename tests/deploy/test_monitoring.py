"""A real Prometheus scrapes a real service and evaluates the dashboard's queries."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from app.drift import MIN_SAMPLE
from tests.app.access.making import add_key
from tests.app.experiments.making import make_experiment
from tests.app.posting import post_array
from tests.app.references import make_reference
from tests.app.running import Running, make_settings, run_service
from tests.deploy.check_service import check_service, make_clip
from tests.deploy.files import PROMETHEUS, read_instructions, read_targets
from tests.deploy.prometheus import evaluate, expand, run_prometheus
from tests.media import barcode_frames, write_video
from tests.model_factory import write_model_folder

TIMEOUT_S = 90
needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None, reason="Prometheus is not installed"
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("weights")
    write_model_folder(root, name="tiny-fp32")
    reference = make_reference(labels=("a", "b", "c"), num_clips=10_000)
    write_model_folder(root, name="tiny-int8", precision="int8", drift_reference=reference, seed=1)
    path = root.parent / "keys.jsonl"
    secret = add_key(path, "everything", "predict,metrics,admin")
    with run_service(make_settings(root, keys_file=path)) as running:
        running.client.headers["Authorization"] = f"Bearer {secret}"
        yield running


@pytest.fixture(scope="module")
def key(running: Running) -> str:
    """A key for all that the service does."""
    return running.client.headers["Authorization"].removeprefix("Bearer ")


@needs_prometheus
def test_prometheus_accepts_its_configuration() -> None:
    # The file of the key is not here.
    command = ["promtool", "check", "config", "--syntax-only", str(PROMETHEUS)]
    check = subprocess.run(command, capture_output=True)

    assert check.returncode == 0, check.stderr


@needs_prometheus
@pytest.mark.slow
def test_every_query_of_the_dashboard_returns_data_after_some_traffic(
    running: Running, key: str, tmp_path: Path
) -> None:
    clip = write_video(tmp_path / "clip.mp4", barcode_frames(30), frame_rate_hz=10).read_bytes()
    silent = [expand(target["expr"]) for target in read_targets()]
    service = running.client.base_url.netloc.decode()
    deadline = time.monotonic() + TIMEOUT_S
    experiment = make_experiment(guard={}).model_dump(mode="json")
    assert running.client.post("/v1/experiments", json=experiment).status_code == 201
    for _ in range(MIN_SAMPLE):
        post_array(running.client, np.zeros((4, 32, 32, 3), dtype=np.uint8))

    with run_prometheus(tmp_path, target=service, key=key) as prometheus:
        while silent and time.monotonic() < deadline:
            send_traffic(running.client, clip)
            time.sleep(0.5)
            silent = [query for query in silent if not evaluate(prometheus, query)]

    assert silent == []


def send_traffic(client: httpx.Client, clip: bytes) -> None:
    """Ask for predictions and a comparison, and for what cannot be answered."""
    files = {"clip": clip}
    models = ("tiny-fp32", "tiny-int8")
    for model in ("default", *models):
        client.post("/v1/predictions", params={"model": model}, files=files)
    client.post("/v1/comparisons", params={"models": models}, files=files)
    client.post("/v1/predictions", files={"clip": b"no video"})
    client.post("/v1/predictions", params={"model": "unknown"}, files=files)


@pytest.mark.slow
def test_the_check_of_the_container_accepts_the_service(running: Running) -> None:
    line = check_service(running.client, clip=make_clip())

    assert "tiny-int8@1 on openvino" in line


@pytest.mark.slow
def test_the_health_check_of_the_image_accepts_a_ready_service(running: Running) -> None:
    assert run_health_check(port=running.client.base_url.port) == 0


def test_the_health_check_of_the_image_refuses_a_port_where_nobody_listens() -> None:
    assert run_health_check(port=1) != 0


def run_health_check(*, port: int | None) -> int:
    """Return the exit status of the image's health check, run on this machine."""
    (instruction,) = read_instructions("HEALTHCHECK")
    _, *arguments = json.loads(instruction.partition("CMD ")[2])
    env = {**os.environ, "DRIVER_ACTIVITY_PORT": str(port)}
    return subprocess.run([sys.executable, *arguments], env=env, capture_output=True).returncode
