"""The service as an operator runs it: a process that is started, asked, and ended by signals."""

import gc
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.__main__ import serve
from app.server import Server
from tests.app.posting import VIDEO, post_clip
from tests.app.running import make_settings, run_process, wait_for
from tests.conftest import REPOSITORY_ROOT

# What a service on openvino has imported after it answered a video.
IMPORTED = """
import sys
from pathlib import Path
from app.logs import configure_logging
from tests.app.running import make_settings, run_service
configure_logging("error")
with run_service(make_settings(Path(sys.argv[1]))) as running:
    files = {"clip": Path(sys.argv[2]).read_bytes()}
    assert running.client.post("/v1/predictions", files=files).status_code == 200
print(*(name for name in ("torch", "av", "openvino") if name in sys.modules))
"""


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_service_ends_cleanly_after_it_answered_what_was_in_flight(
    model_dir: Path, clip_path: Path, tmp_path: Path
) -> None:
    may_finish = threading.Event()
    statuses: list[int] = []

    def slow_upload() -> Iterator[bytes]:
        data = clip_path.read_bytes()
        yield data[:1000]
        may_finish.wait()
        yield data[1000:]

    def post() -> None:
        headers = {"content-type": "video/mp4"}
        statuses.append(
            service.client.post(VIDEO, content=slow_upload(), headers=headers).status_code
        )

    with run_process(model_dir, spool_dir=tmp_path) as service:
        thread = threading.Thread(target=post)
        thread.start()
        wait_for(lambda: "in_flight_requests 2.0" in service.client.get("/metrics").text)
        threading.Timer(0.5, may_finish.set).start()
        service.end(signal.SIGTERM)
        thread.join()
        wait_for(lambda: service.is_gone)

    assert statuses == [200]
    assert service.process.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_interrupt_ends_the_service_without_a_traceback(
    model_dir: Path, clip_path: Path, tmp_path: Path
) -> None:
    with run_process(model_dir, spool_dir=tmp_path) as service:
        post_clip(service.client, clip_path)
        logged = service.end(signal.SIGINT)
        wait_for(lambda: service.is_gone)

    assert service.process.returncode == 0
    assert not any("Traceback" in line for line in logged)
    assert list(tmp_path.iterdir()) == []


def test_every_request_is_one_structured_log_line(
    model_dir: Path, clip_path: Path, tmp_path: Path
) -> None:
    with run_process(model_dir, spool_dir=tmp_path) as service:
        answer = post_clip(service.client, clip_path).json()
        refused = post_clip(service.client, b"no video")
        logged = service.end(signal.SIGTERM)

    # A coverage tool in the process writes other lines.
    lines = [json.loads(line) for line in logged if line.startswith("{")]
    requests = {line["request_id"]: line for line in lines if line["event"] == "request"}
    answered = requests[answer["request_id"]]
    assert answered["route"] == VIDEO
    assert (answered["status"], answered["code"]) == (200, "ok")
    assert answered["model"] == "tiny-int8@1"
    assert (answered["precision"], answered["runtime"]) == ("int8", "openvino")
    assert answered["num_bytes"] > clip_path.stat().st_size
    assert answered["num_windows"] == 1
    assert answered["decode_s"] > 0
    assert answered["inference_s"] > 0
    assert (answered["level"], "timestamp" in answered) == ("info", True)
    assert requests[refused.headers["x-request-id"]]["code"] == "unsupported_media"


def test_service_on_openvino_imports_neither_torch_nor_ffmpeg(
    model_dir: Path, clip_path: Path
) -> None:
    result = run_python("-c", IMPORTED, str(model_dir), str(clip_path))

    assert result.stdout.split() == ["openvino"], result.stderr


def test_service_can_run_on_torch(model_dir: Path, clip_path: Path, tmp_path: Path) -> None:
    with run_process(model_dir, "--runtime", "torch", spool_dir=tmp_path) as service:
        answer = post_clip(service.client, clip_path).json()

    assert answer["model"]["runtime"] == "torch"


def test_wrong_setting_ends_the_process_with_status_2() -> None:
    result = run_python("-m", "app", "--port", "many")

    assert result.returncode == 2
    assert "--port (DRIVER_ACTIVITY_PORT)" in result.stderr
    assert "Traceback" not in result.stderr


def test_service_that_cannot_start_ends_with_a_status(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise OSError("no space")

    settings = make_settings(model_dir)
    monkeypatch.setattr("app.service.tempfile.mkdtemp", fail)
    monkeypatch.setattr(signal, "signal", lambda *_: None)

    with pytest.raises(SystemExit) as caught:
        serve(settings)
    gc.unfreeze()

    assert caught.value.code == 3


def test_garbage_collections_pass_over_what_was_there_at_the_start(
    model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_: Server) -> None:
        num_frozen.append(gc.get_freeze_count())
        raise SystemExit

    num_frozen: list[int] = []
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(Server, "run", run)

    with pytest.raises(SystemExit):
        serve(make_settings(model_dir))
    gc.unfreeze()

    assert num_frozen[0] > 100_000


def test_help_names_the_settings() -> None:
    result = run_python("-m", "app", "--help")

    assert result.returncode == 0
    assert "--max-upload-bytes" in result.stdout
