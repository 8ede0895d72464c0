"""Server processes: starting them, waiting until they are ready, and what they cost.

A server is a tree of processes. Its processor time is that of all of them, of those included that
have ended and were waited for. Its memory is what its processes have of their own, plus what is
resident of every file that they map; pages that they share count once. Proportional set sizes
would not do: other programs that run meanwhile and map the same libraries would bear a part.
"""

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[1]
HOST = "127.0.0.1"
START_DEADLINE_S = 90.0
STOP_DEADLINE_S = 20.0
POLL_S = 0.01
QUIET_POLL_S = 0.25
QUIET_CORES = 0.1
LOG_TAIL_CHARACTERS = 2_000


@dataclass(frozen=True, kw_only=True)
class ServerCommand:
    """How a server is started.

    Attributes:
        command: Program and arguments; `{port}` stands for the port.
        ready_path: Answers 200 as soon as requests are answered, and nothing or an error before.
        environment: Variables beside those of this process.
    """

    command: tuple[str, ...]
    ready_path: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RunningServer:
    """A server that is ready.

    Attributes:
        url: Where it listens.
        pid: The process that was started, parent of the others.
        ready_s: Seconds from its start until it was ready.
    """

    url: str
    pid: int
    ready_s: float

    def processor_s(self) -> float:
        """Return the processor seconds that the tree has spent so far, user and system."""
        return sum(_spent_s(process) for process in self._processes())

    def memory_bytes(self) -> int:
        """Return the memory of the tree, pages that its processes share counted once."""
        return self.own_bytes() + self.mapped_bytes()

    def own_bytes(self) -> int:
        """Return the memory of the tree that lies in no file; forked processes share some."""
        return sum(_own_bytes(process.pid) for process in self._processes())

    def mapped_bytes(self) -> int:
        """Return what is resident of mapped files, each taken where most of it is."""
        most: dict[str, int] = {}
        for process in self._processes():
            for path, num_bytes in _mapped_bytes(process).items():
                most[path] = max(most.get(path, 0), num_bytes)
        return sum(most.values())

    def resident_bytes(self) -> int:
        """Return the memory of the first process, shared pages counted in full."""
        resident: int = psutil.Process(self.pid).memory_info().rss
        return resident

    def wait_until_quiet(self, *, deadline_s: float, idle_cores: float = 0.0) -> None:
        """Wait until the tree computes hardly more than when it idles, or until the deadline."""
        deadline = time.perf_counter() + deadline_s
        while time.perf_counter() < deadline:
            cores = self.measure_cores(QUIET_POLL_S)
            if cores < idle_cores + QUIET_CORES:
                return

    def measure_cores(self, duration_s: float) -> float:
        """Return how many cores the tree keeps busy, on average over the time given."""
        started, spent_s = time.perf_counter(), self.processor_s()
        time.sleep(duration_s)
        return (self.processor_s() - spent_s) / (time.perf_counter() - started)

    def _processes(self) -> list[psutil.Process]:
        return _tree(self.pid)


@contextmanager
def repeating(action: Callable[[], object], *, period_s: float) -> Iterator[None]:
    """Do something again and again, in a thread, while the block runs."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(period_s):
            action()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


class PeakMemory:
    """Samples the memory of a server in a thread while a block runs, and keeps the most.

    What is resident of mapped files is read once, after the block, for that takes longer.

    Attributes:
        peak_bytes: Of the tree.
        peak_resident_bytes: Of the first process, shared pages counted in full.
    """

    def __init__(self, server: RunningServer, *, period_s: float) -> None:
        self.peak_bytes = server.own_bytes()
        self.peak_resident_bytes = server.resident_bytes()
        self._server = server
        self._sampling = repeating(self._sample, period_s=period_s)

    def __enter__(self) -> "PeakMemory":
        self._sampling.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._sampling.__exit__(None, None, None)
        self.peak_bytes += self._server.mapped_bytes()

    def _sample(self) -> None:
        self.peak_bytes = max(self.peak_bytes, self._server.own_bytes())
        self.peak_resident_bytes = max(self.peak_resident_bytes, self._server.resident_bytes())


def service_command(*options: str) -> ServerCommand:
    """Return how the service itself is started, with flags beside the necessary ones."""
    flags = ("--port", "{port}", "--log-level", "error", *options)
    return ServerCommand(command=(sys.executable, "-m", "app", *flags), ready_path="/health/ready")


@contextmanager
def running(command: ServerCommand, *, log: Path) -> Iterator[RunningServer]:
    """Run a server on a free port of loopback until the block ends; yields once it is ready.

    Args:
        command: How it is started; its working directory is the repository root.
        log: File that takes what it prints.

    Raises:
        RuntimeError: If it ended instead of becoming ready.
        TimeoutError: If it was not ready in time.
    """
    port = free_port()
    started = time.perf_counter()
    process = _start(command, port, log)
    try:
        url = f"http://{HOST}:{port}"
        _wait_until_ready(process, f"{url}{command.ready_path}", log)
        yield RunningServer(url=url, pid=process.pid, ready_s=time.perf_counter() - started)
    finally:
        _stop(process)


def free_port() -> int:
    """Return a port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def _start(command: ServerCommand, port: int, log: Path) -> subprocess.Popen[bytes]:
    arguments = [argument.format(port=port) for argument in command.command]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DRIVER_ACTIVITY_RECORDS_DIR": str(log.parent / "records"),
        **command.environment,
    }
    with log.open("wb") as output:
        return subprocess.Popen(
            arguments, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.perf_counter() + START_DEADLINE_S
    with httpx.Client(timeout=START_DEADLINE_S) as client:
        while time.perf_counter() < deadline:
            if process.poll() is not None:
                raise RuntimeError(f"{url} ended with {process.returncode}: {_tail(log)}")
            with contextlib.suppress(httpx.TransportError):
                if client.get(url).status_code == httpx.codes.OK:
                    return
            time.sleep(POLL_S)
    raise TimeoutError(f"{url} was not ready within {START_DEADLINE_S:g} s: {_tail(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server; what is left of its tree after the deadline is killed."""
    processes = _tree(process.pid)
    process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=STOP_DEADLINE_S)
    for left in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            left.kill()
    process.wait()


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-LOG_TAIL_CHARACTERS:]


def _tree(pid: int) -> list[psutil.Process]:
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _spent_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    spent_s: float = times.user + times.system + times.children_user + times.children_system
    return spent_s


def _own_bytes(pid: int) -> int:
    """Return memory in no file; what forked processes share is divided among them."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 1024 * sum(
        map(int, re.findall(r"^Pss_(?:Anon|Shmem): +(\d+) kB$", rollup, re.MULTILINE))
    )


def _mapped_bytes(process: psutil.Process) -> dict[str, int]:
    """Return what is resident of every file that a process maps, but for pages it has changed."""
    try:
        maps = process.memory_maps(grouped=True)
    except psutil.NoSuchProcess:
        return {}
    return {each.path: each.rss - each.anonymous for each in maps if each.path.startswith("/")}
