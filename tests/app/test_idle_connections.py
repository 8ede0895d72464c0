"""Ten thousand connections, of which most are idle."""

import resource
import socket
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.app.posting import post_clip
from tests.app.running import RunningProcess, run_process

NUM_CONNECTIONS = 10_000
RESERVE = 500
LIVE_S = 0.05
MEMORY_BYTES = 150_000_000


@contextmanager
def opening(service: RunningProcess, number: int) -> Iterator[list[socket.socket]]:
    """Open connections; every second one has begun a request and does not go on."""
    url = service.client.base_url
    with ExitStack() as stack:
        connections = []
        for index in range(number):
            connection = stack.enter_context(socket.create_connection((url.host, url.port)))
            if index % 2:
                with suppress(ConnectionError):  # if it had to make room already
                    connection.sendall(b"GET /health/live HTTP/1.1\r\nHost: ")
            connections.append(connection)
        yield connections


@pytest.mark.slow
@pytest.mark.parametrize("max_connections", [NUM_CONNECTIONS, 1000])
def test_service_answers_under_ten_thousand_idle_connections(
    model_dir: Path, clip_path: Path, tmp_path: Path, max_connections: int
) -> None:
    number = min(NUM_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - RESERVE)
    flags = ("--max-connections", str(max_connections))
    with run_process(model_dir, *flags, spool_dir=tmp_path) as service:
        process = psutil.Process(service.process.pid)
        before_bytes = process.memory_info().rss
        with opening(service, number):
            live_s = [time_live(service) for _ in range(50)]
            grown_bytes = process.memory_info().rss - before_bytes
            num_descriptors = process.num_fds()
            answer = post_clip(service.client, clip_path)

    print(f"{number} connections, {grown_bytes / 1e6:.0f} MB, {num_descriptors} files: ", end="")
    print(f"live median {statistics.median(live_s):.4f} s, worst {max(live_s):.4f} s")
    assert sorted(live_s)[-3] < LIVE_S  # the first one waits until all connections are taken in
    assert grown_bytes < MEMORY_BYTES
    assert num_descriptors <= max_connections + RESERVE
    assert answer.status_code == 200


def time_live(service: RunningProcess) -> float:
    """Return the seconds that an answer takes."""
    started = time.perf_counter()
    assert service.client.get("/health/live").status_code == 200
    return time.perf_counter() - started
