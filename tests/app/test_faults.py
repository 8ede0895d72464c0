"""What breaks beneath the service costs requests, and those are told; never the service."""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.app.experiments.making import make_experiment
from tests.app.posting import VIDEO, assert_problem, post_clip
from tests.app.running import make_settings, run_process, run_service, wait_for

NO_MOUNT = "a file system cannot be mounted"
NUM_CLIENTS = 8


@dataclass(frozen=True)
class Disk:
    """A file system in memory that belongs to a test."""

    path: Path

    def mount(self, options: str) -> bool:
        """Mount it, or mount it anew with other options; return whether that worked."""
        command = ("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.path))
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def unmount(self) -> None:
        subprocess.run(("umount", str(self.path)), check=True)

    def fill(self) -> Path:
        """Write a file that takes all the room that is left."""
        filler = self.path / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):
                pass
        return filler


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "disk")
    disk.path.mkdir()
    if not disk.mount("size=1m"):
        pytest.skip(NO_MOUNT)
    yield disk
    disk.unmount()


def test_full_disk_costs_the_requests_that_need_it(
    model_dir: Path, clip_path: Path, disk: Disk
) -> None:
    with run_process(model_dir, spool_dir=disk.path) as service:
        filler = disk.fill()
        refused = post_clip(service.client, clip_path)
        health = service.client.get("/health/ready")
        filler.unlink()
        answered = post_clip(service.client, clip_path)
        service.end(signal.SIGTERM)

    assert_problem(refused, 507, "storage_unavailable")
    assert refused.headers["retry-after"] == "1"
    assert (health.status_code, answered.status_code) == (200, 200)
    assert list(disk.path.iterdir()) == []


def test_disk_that_became_read_only_costs_the_requests_that_need_it(
    model_dir: Path, clip_path: Path, disk: Disk
) -> None:
    with run_process(model_dir, spool_dir=disk.path) as service:
        assert disk.mount("remount,ro")
        refused = post_clip(service.client, clip_path)
        assert disk.mount("remount,rw")
        answered = post_clip(service.client, clip_path)
        service.end(signal.SIGTERM)

    assert_problem(refused, 507, "storage_unavailable")
    assert answered.status_code == 200
    assert list(disk.path.iterdir()) == []


@pytest.mark.parametrize("step_s", [-86_400.0, 86_400.0])
def test_wall_clock_that_is_set_changes_no_answer(
    model_dir: Path, clip_path: Path, monkeypatch: pytest.MonkeyPatch, step_s: float
) -> None:
    now = time.time
    settings = make_settings(model_dir, max_requests_per_minute=3, request_timeout_s=10)
    with run_service(settings) as running:
        body = make_experiment().model_dump(mode="json")
        running.client.post("/v1/experiments", json=body)
        statuses = [post_clip(running.client, clip_path).status_code]
        monkeypatch.setattr(time, "time", lambda: now() + step_s)
        statuses += [post_clip(running.client, clip_path).status_code for _ in range(3)]
        report = running.client.get("/v1/experiments/trial/report").json()

    assert statuses == [200, 200, 200, 429]
    assert report["num_pairs"] == 3


@pytest.mark.slow
def test_service_that_is_ended_under_load_answers_all_that_it_has_taken_in(
    model_dir: Path, clip_path: Path, tmp_path: Path
) -> None:
    clip, answered = clip_path.read_bytes(), dict[str, int]()
    is_ended = threading.Event()

    def ask(base_url: httpx.URL) -> None:
        while not is_ended.is_set():
            with suppress(httpx.TransportError):  # it listens no more
                response = httpx.post(base_url.join(VIDEO), files={"clip": clip}, timeout=30)
                answered[response.headers["x-request-id"]] = response.status_code

    with run_process(model_dir, spool_dir=tmp_path) as service:
        clients = [
            threading.Thread(target=ask, args=(service.client.base_url,))
            for _ in range(NUM_CLIENTS)
        ]
        for client in clients:
            client.start()
        wait_for(lambda: len(answered) > 2 * NUM_CLIENTS)
        logged = service.end(signal.SIGTERM)
        is_ended.set()
        for client in clients:
            client.join()
        wait_for(lambda: service.is_gone)

    taken_in = _statuses_by_id(logged, route=VIDEO)
    assert taken_in == answered
    assert set(answered.values()) <= {200, 503}
    assert service.process.returncode == 0
    assert list(tmp_path.iterdir()) == []


def _statuses_by_id(logged: list[str], *, route: str) -> dict[str, int]:
    lines = [json.loads(line) for line in logged if line.startswith("{")]
    requests = [line for line in lines if line["event"] == "request" and line["route"] == route]
    return {line["request_id"]: line["status"] for line in requests}
