"""Runs the real service on a real socket, in a thread or in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.main import create_app
from app.server import make_server
from app.service import Service
from app.settings import Settings
from tests.conftest import REPOSITORY_ROOT

TIMEOUT_S = 60


@dataclass(frozen=True)
class Running:
    """A service that runs, and a client of it."""

    client: httpx.Client
    service: Service


def make_settings(model_dir: Path, **changes: Any) -> Settings:
    return Settings(
        **{
            "model_dir": model_dir,
            "models": ("tiny-fp32", "tiny-int8"),
            "aliases": {"default": "tiny-int8"},
            "cores": 2,
            "port": 0,
            "max_upload_bytes": 4 * 2**20,
            "records_dir": Path(tempfile.mkdtemp(dir=model_dir.parent)),
            **changes,
        }
    )


@contextmanager
def run_service(settings: Settings, *, until_ready: bool = True) -> Iterator[Running]:
    """Serve from a thread of this process."""
    app = create_app(settings)
    server = make_server(app, settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            if until_ready:
                wait_until_ready(client)
            yield Running(client, app.state.service)
    finally:
        server.should_exit = True
        thread.join()


@dataclass(frozen=True)
class RunningProcess:
    """A service that runs in a process, and a client of it."""

    client: httpx.Client
    process: subprocess.Popen[str]

    def end(self, number: signal.Signals) -> list[str]:
        """Send a signal to the process and those it started; return what was logged since ready."""
        os.killpg(self.process.pid, number)
        _, logged = self.process.communicate(timeout=TIMEOUT_S)
        return logged.splitlines()

    @property
    def is_gone(self) -> bool:
        """Whether no process is left, not even one that it started."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False


@contextmanager
def run_process(model_dir: Path, *flags: str, spool_dir: Path) -> Iterator[RunningProcess]:
    """Serve from `python -m app`, on a port that the system chooses."""
    flags = (
        "--port",
        "0",
        "--model-dir",
        str(model_dir),
        "--models",
        "tiny-fp32,tiny-int8",
        *flags,
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "app", *flags, "--aliases", "default=tiny-int8"],
        cwd=REPOSITORY_ROOT,
        env={**os.environ, "TMPDIR": str(spool_dir)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        base_url = f"http://127.0.0.1:{_read_port(process)}"
        with httpx.Client(base_url=base_url, timeout=30) as client:
            wait_until_ready(client)
            yield RunningProcess(client, process)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def start_in_vain(*flags: str) -> str:
    """Start a service that refuses to, and return what it says."""
    result = subprocess.run(
        [sys.executable, "-m", "app", "--port", "0", *flags],
        cwd=REPOSITORY_ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    return result.stderr


def wait_until_ready(client: httpx.Client) -> None:
    """Wait until every model is loaded; fail with the reasons if one is not."""
    wait_for(lambda: client.get("/health/ready").status_code == 200)


def wait_for(is_done: Callable[[], bool]) -> None:
    """Wait until something holds; fail if it does not for a minute."""
    deadline = time.perf_counter() + TIMEOUT_S
    while not is_done():
        assert time.perf_counter() < deadline
        time.sleep(0.02)


def _read_port(process: subprocess.Popen[str]) -> int:
    assert process.stderr is not None
    for line in process.stderr:
        if match := re.search(r"running on http://127.0.0.1:(\d+)", line):
            return int(match[1])
    raise AssertionError(f"the service ended with status {process.wait()}")
