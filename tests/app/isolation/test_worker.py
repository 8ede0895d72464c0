"""What a worker that has been taken over could still do: tried out, in a worker."""

import asyncio
import dataclasses
import errno
import multiprocessing
import os
import pickle
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from structlog.testing import capture_logs

from app.decoding import DecodeTimeoutError, DecodeWorkerDiedError
from app.isolation.landlock import landlock_version
from app.isolation.limits import MAX_OPEN_FILES
from app.isolation.worker import find_isolation
from models.video.limits import DecodeLimits
from tests.app import jobs
from tests.app.pools import LIMITS, SPEC, MakePool, read, run_instead
from tests.app.running import run_process, wait_for
from tests.conftest import NO_LANDLOCK, REPOSITORY_ROOT

# Ends without any goodbye while its worker is busy; prints who that is.
DYING_SERVICE = """
import asyncio, multiprocessing, os, signal, time
from app.decoding import DecodePool
from tests.app.pools import run_instead
pool = DecodePool(num_workers=1, timeout_s=60)
async def work():
    job = asyncio.create_task(run_instead(pool, time.sleep, 60))
    while not pool.num_active:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    print(*(worker.pid for worker in multiprocessing.active_children()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
if __name__ == "__main__":
    pool.start()
    asyncio.run(work())
"""


@pytest.fixture
def has_landlock() -> None:
    try:
        landlock_version()
    except OSError:
        pytest.skip(NO_LANDLOCK)


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (socket.socket, ()),
        (socket.socketpair, ()),
        (socket.create_connection, (("127.0.0.1", 1),)),
        (os.fork, ()),
        (os.execv, ("/bin/true", ["/bin/true"])),
        (subprocess.run, (["/bin/true"],)),
    ],
)
def test_worker_that_reaches_for_network_or_processes_is_ended(
    make_pool: MakePool, video_path: Path, function: Any, args: tuple[object, ...]
) -> None:
    pool = make_pool()

    with pytest.raises(DecodeWorkerDiedError, match="exit code -31"):
        asyncio.run(run_instead(pool, function, *args))

    assert read(pool, video_path).info.num_frames == 45


def test_worker_may_start_threads(make_pool: MakePool) -> None:
    pool = make_pool()

    asyncio.run(run_instead(pool, jobs.run_thread))


@pytest.mark.usefixtures("has_landlock")
@pytest.mark.parametrize("name", ["environ", "mem", "maps"])
def test_worker_cannot_look_into_the_service(make_pool: MakePool, name: str) -> None:
    pool = make_pool()

    with pytest.raises(PermissionError):
        asyncio.run(run_instead(pool, Path(f"/proc/{os.getpid()}/{name}").read_bytes))


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"R",
        b"Rnull",
        b"R" + b"[" * 10_000,
        b'R[[{"start_s":0,"stop_s":"1","num_padded_frames":0}],null]',
        b'F{"error":"SystemExit","facts":[],"notes":[]}',
        b'F{"error":"open","facts":["/etc/passwd"],"notes":[]}',
        b'F{"error":"MediaTooShortError","facts":[],"notes":[]}',
        b'F{"error":"RuntimeError","facts":[[[]]],"notes":[]}',
        pickle.dumps(print),
        b"R" + bytes(2**24),
    ],
)
def test_message_of_a_worker_is_an_answer_or_ends_it(
    make_pool: MakePool, video_path: Path, message: bytes
) -> None:
    pool = make_pool()

    with pytest.raises(DecodeWorkerDiedError, match="did not answer as it should"):
        asyncio.run(pool._run(partial(jobs.say_instead, message), SPEC, LIMITS))

    assert read(pool, video_path).info.num_frames == 45


def test_error_that_nobody_expects_comes_back_by_its_name(make_pool: MakePool) -> None:
    pool = make_pool()

    with pytest.raises(RuntimeError, match=r"decoding failed: ZeroDivisionError\('"):
        asyncio.run(run_instead(pool, divmod, 1, 0))


def test_start_logs_once_what_is_in_force(make_pool: MakePool) -> None:
    with capture_logs() as logs:
        make_pool(num_workers=2)

    (entry,) = (entry for entry in logs if entry["event"] == "decoder_started")
    assert entry["seccomp"] is True
    assert isinstance(entry["landlock"], bool)


def test_this_process_is_not_isolated() -> None:
    assert dataclasses.asdict(find_isolation())["seccomp"] is False


def test_job_that_hangs_outside_of_python_ends_by_its_processor_time(
    make_pool: MakePool, video_path: Path
) -> None:
    pool = make_pool()

    with pytest.raises(DecodeTimeoutError):
        asyncio.run(run_instead(pool, jobs.spin, 0.1))

    assert read(pool, video_path).info.num_frames == 45


def test_processor_time_counts_by_job_and_not_by_worker(make_pool: MakePool) -> None:
    pool = make_pool()

    async def work_repeatedly() -> set[int | None]:
        for _ in range(3):  # which takes more than one job may
            await run_instead(pool, jobs.compute, 0.4, 1.0)
        return {worker.pid for worker in multiprocessing.active_children()}

    before = {worker.pid for worker in multiprocessing.active_children()}
    assert asyncio.run(work_repeatedly()) == before


def test_worker_cannot_write_more_than_the_largest_answer(
    make_pool: MakePool, video_path: Path
) -> None:
    pool = make_pool()
    one_window = DecodeLimits(max_windows=1)
    write = partial(jobs.write_bytes, 4 * 64 * 64 * 3 + 1)

    with pytest.raises(OSError, match="too large") as caught:
        asyncio.run(pool._run(write, SPEC, one_window))

    assert caught.value.errno == errno.EFBIG
    assert read(pool, video_path).info.num_frames == 45


def test_worker_cannot_open_many_files(make_pool: MakePool) -> None:
    pool = make_pool()

    with pytest.raises(OSError, match="Too many open files"):
        asyncio.run(run_instead(pool, jobs.open_files, MAX_OPEN_FILES))


def test_workers_have_no_settings_in_their_environment(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIVER_ACTIVITY_SUBJECT_HEADER", "X-Secret")
    monkeypatch.setenv("PGPASSWORD", "secret")

    with run_process(model_dir, spool_dir=tmp_path) as service:
        children = psutil.Process(service.process.pid).children(recursive=True)
        environments = [Path(f"/proc/{child.pid}/environ").read_bytes() for child in children]

    assert len(environments) >= 3  # two workers and the server that forks them
    assert not any(b"ecret" in environment for environment in environments)


def test_worker_that_is_busy_ends_with_the_service() -> None:
    process = subprocess.run(
        [sys.executable, "-c", DYING_SERVICE],
        cwd=REPOSITORY_ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert process.returncode == -signal.SIGKILL, process.stderr
    worker = int(process.stdout.splitlines()[-1])
    wait_for(lambda: not psutil.pid_exists(worker))
