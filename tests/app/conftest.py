"""Fixtures of the service's tests: tiny real models, tiny real videos, one running service."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog

from tests.app.pools import make_pool, spool_dir, video_path  # noqa: F401
from tests.app.running import Running, make_settings, run_service
from tests.media import barcode_frames, write_video
from tests.model_factory import write_model_folder


@pytest.fixture(autouse=True, scope="session")
def quiet_logs() -> None:
    """Send the service's log lines through pytest's own handler."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("weights")
    write_model_folder(root, name="tiny-fp32")
    write_model_folder(root, name="tiny-int8", precision="int8", seed=1)
    write_model_folder(root, name="other-fp32", labels=("x", "y"), seed=2)
    return root


@pytest.fixture(scope="session")
def clip_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds at 10 frames a second: one window."""
    return write_video(
        tmp_path_factory.mktemp("media") / "clip.mp4", barcode_frames(30), frame_rate_hz=10
    )


@pytest.fixture(scope="module")
def running(model_dir: Path) -> Iterator[Running]:
    """One service for all tests of a file that need no settings of their own."""
    with run_service(make_settings(model_dir)) as running:
        yield running


@pytest.fixture
def client(running: Running) -> httpx.Client:
    """A client of the running service."""
    return running.client
