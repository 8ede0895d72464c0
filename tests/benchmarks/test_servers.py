"""Server processes, with one of the standard library."""

import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.servers import PeakMemory, ServerCommand, running

SERVE = ("-m", "http.server", "--bind", "127.0.0.1", "{port}")
# A child that computes for a fifth of a second and ends, before the server itself starts.
WITH_CHILD = """
import os, runpy, sys, time
if os.fork() == 0:
    while time.process_time() < 0.2:
        pass
    os._exit(0)
os.wait()
sys.argv = ["http.server", "--bind", "127.0.0.1", sys.argv[1]]
runpy.run_module("http.server", run_name="__main__")
"""
# A child that shares 64 MB with the server, and is waited for by nobody.
WITH_TWIN = """
import os, runpy, sys, time
shared = b"x" * 64_000_000
if os.fork() == 0:
    time.sleep(60)
    os._exit(0)
sys.argv = ["http.server", "--bind", "127.0.0.1", sys.argv[1]]
runpy.run_module("http.server", run_name="__main__")
"""


def command(*arguments: str) -> ServerCommand:
    return ServerCommand(command=(sys.executable, *arguments), ready_path="/pyproject.toml")


def test_server_is_ready_within_the_block_and_gone_after_it(tmp_path: Path) -> None:
    with running(command(*SERVE), log=tmp_path / "log") as server:
        assert server.ready_s > 0
        assert psutil.pid_exists(server.pid)

    assert not psutil.pid_exists(server.pid)


def test_server_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    failing = command("-c", "raise SystemExit('no model')")

    with (
        pytest.raises(RuntimeError, match="ended with 1: no model"),
        running(failing, log=tmp_path / "log"),
    ):
        pass


def test_environment_of_the_command_reaches_the_server(tmp_path: Path) -> None:
    failing = ServerCommand(
        command=(sys.executable, "-c", "import os; raise SystemExit(os.environ['WORD'])"),
        ready_path="/",
        environment={"WORD": "hello"},
    )

    with pytest.raises(RuntimeError, match="hello"), running(failing, log=tmp_path / "log"):
        pass


def test_processor_time_counts_children_that_have_ended(tmp_path: Path) -> None:
    with running(command("-c", WITH_CHILD, "{port}"), log=tmp_path / "log") as server:
        # The child's fifth of a second, less the clock's tick of 10 ms.
        assert server.processor_s() > 0.19


def test_idle_server_is_quiet_and_keeps_no_core_busy(tmp_path: Path) -> None:
    with running(command(*SERVE), log=tmp_path / "log") as server:
        server.wait_until_quiet(deadline_s=10)

        assert server.measure_cores(0.2) < 0.1


def test_memory_that_processes_share_counts_once(tmp_path: Path) -> None:
    with running(command("-c", WITH_TWIN, "{port}"), log=tmp_path / "log") as server:
        assert 64e6 < server.memory_bytes() < server.resident_bytes() + 16e6


def test_other_programs_bear_no_part_of_the_memory(tmp_path: Path) -> None:
    with running(command(*SERVE), log=tmp_path / "one") as first:
        alone = first.memory_bytes()
        with running(command(*SERVE), log=tmp_path / "other"):
            assert first.memory_bytes() >= alone


def test_memory_is_watched_while_the_block_runs(tmp_path: Path) -> None:
    with (
        running(command(*SERVE), log=tmp_path / "log") as server,
        PeakMemory(server, period_s=0.01) as memory,
    ):
        resident = server.resident_bytes()

    assert 0 < memory.peak_bytes <= resident <= memory.peak_resident_bytes
