"""Worker processes by themselves; what they promise the decoder is in test_decoding.py."""

import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from app.workers import (
    Answer,
    Job,
    PoolClosedError,
    UnreadableAnswerError,
    WorkerEndedError,
    WorkerPool,
)
from tests.app import jobs

MAX_ANSWER_BYTES = 4_000_000


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    """Yield a pool of which no process may be left at the end."""
    made = WorkerPool(os.getpid, max_idle=2)
    yield made
    made.close(timeout_s=5)
    assert multiprocessing.active_children() == []


def keep(message: bytes) -> Answer[bytes]:
    return message, None


async def call(pool: WorkerPool, function: Job, *args: object) -> bytes:
    return await pool.call(function, args, read=keep, max_answer_bytes=MAX_ANSWER_BYTES)


async def cancel(pool: WorkerPool, *, after_s: float) -> None:
    job = asyncio.create_task(call(pool, jobs.sleep, 60))
    await asyncio.sleep(after_s)
    job.cancel()
    await asyncio.wait([job])


def test_large_messages_pass_both_ways(pool: WorkerPool) -> None:
    message = os.urandom(3_000_000)

    assert asyncio.run(call(pool, bytes, message)) == message


def test_job_is_told_what_it_asks(pool: WorkerPool) -> None:
    asked: list[int] = []

    async def reply(question: int) -> int:
        asked.append(question)
        await asyncio.sleep(0.01)
        return 2**64 - 1 if len(asked) == 3 else 10 * question

    answer = asyncio.run(
        pool.call(jobs.ask_until, (2**64 - 1,), read=keep, max_answer_bytes=100, reply=reply)
    )

    assert asked == [1, 11, 111]
    assert answer == str(2**64 - 1).encode()


def test_job_that_nobody_replies_to_ends_the_worker(pool: WorkerPool) -> None:
    async def ask_in_vain() -> set[bytes]:
        before = await call(pool, jobs.tell_pid)
        with pytest.raises(UnreadableAnswerError, match="asked for 1, and is told nothing"):
            await call(pool, jobs.ask_until, 5)
        return {before, await call(pool, jobs.tell_pid)}

    assert len(asyncio.run(ask_in_vain())) == 2


def test_error_that_is_read_is_raised_and_costs_no_worker(pool: WorkerPool) -> None:
    async def fail_twice() -> list[bytes]:
        pids = []
        for _ in range(2):
            with pytest.raises(RuntimeError, match="no"):
                await pool.call(
                    bytes, (), read=lambda _: (None, RuntimeError("no")), max_answer_bytes=0
                )
            pids.append(await call(pool, jobs.tell_pid))
        return pids

    first, second = asyncio.run(fail_twice())

    assert first == second


def test_workers_are_as_many_as_calls_at_a_time_and_are_used_again(pool: WorkerPool) -> None:
    async def call_twice_at_a_time() -> set[bytes]:
        await asyncio.gather(*(call(pool, jobs.sleep, 0.3) for _ in range(2)))
        return {await call(pool, jobs.tell_pid) for _ in range(3)}

    (pid,) = asyncio.run(call_twice_at_a_time())

    workers = {worker.pid for worker in multiprocessing.active_children()}
    assert int(pid) in workers
    assert len(workers) == 2


def test_who_stops_waiting_ends_the_worker_and_no_other(pool: WorkerPool) -> None:
    async def cancel_one_of_two() -> tuple[bytes, bytes]:
        cancelling = asyncio.create_task(cancel(pool, after_s=0.5))
        await asyncio.sleep(0.2)
        before = await call(pool, jobs.tell_pid)
        await cancelling
        return before, await call(pool, jobs.tell_pid)

    before, after = asyncio.run(cancel_one_of_two())

    assert before == after


def test_who_stops_waiting_for_a_start_leaves_no_worker_too_many(pool: WorkerPool) -> None:
    async def cancel_starts() -> None:
        for _ in range(6):
            await cancel(pool, after_s=0)
        await call(pool, bytes)

    asyncio.run(cancel_starts())

    deadline_s = time.monotonic() + 5
    while len(multiprocessing.active_children()) > 2 and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert len(multiprocessing.active_children()) <= 2


def test_worker_that_ends_at_its_job_says_how(pool: WorkerPool) -> None:
    with pytest.raises(WorkerEndedError) as caught:
        asyncio.run(call(pool, jobs.end_by, signal.SIGKILL))

    assert (caught.value.exit_code, caught.value.has_begun) == (-signal.SIGKILL, True)


def test_worker_that_cannot_start_working_is_not_replaced_for_ever() -> None:
    pool = WorkerPool(os.abort, max_idle=1)

    with pytest.raises(WorkerEndedError) as caught:
        asyncio.run(call(pool, bytes))

    pool.close(timeout_s=5)
    assert not caught.value.has_begun


def test_answer_that_is_too_long_ends_the_worker(pool: WorkerPool) -> None:
    with pytest.raises(UnreadableAnswerError, match="4000001 bytes, at most 4000000"):
        asyncio.run(call(pool, bytes, MAX_ANSWER_BYTES + 1))

    pool.close(timeout_s=1)
    assert multiprocessing.active_children() == []


def test_answer_that_cannot_be_read_ends_the_worker(pool: WorkerPool) -> None:
    def refuse(_: bytes) -> Any:
        raise UnreadableAnswerError("no")

    with pytest.raises(UnreadableAnswerError):
        asyncio.run(pool.call(bytes, (), read=refuse, max_answer_bytes=1))

    pool.close(timeout_s=1)
    assert multiprocessing.active_children() == []


def test_job_that_cannot_be_sent_costs_no_worker(pool: WorkerPool) -> None:
    async def send_what_cannot_be_pickled() -> tuple[bytes, bytes]:
        before = await call(pool, jobs.tell_pid)
        with pytest.raises(AttributeError, match="pickle"):
            await call(pool, lambda: b"")
        return before, await call(pool, jobs.tell_pid)

    before, after = asyncio.run(send_what_cannot_be_pickled())

    assert before == after


def test_workers_of_a_server_that_died_are_ended_and_the_next_has_no_secrets(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = int(asyncio.run(call(pool, jobs.tell_pid)))
    psutil.Process(before).parent().kill()  # the process that forks workers
    monkeypatch.setenv("PGPASSWORD", "secret")

    asyncio.run(cancel(pool, after_s=0.3))
    after = int(asyncio.run(call(pool, jobs.tell_pid)))

    psutil.wait_procs([psutil.Process(before)] if psutil.pid_exists(before) else [], timeout=5)
    assert not psutil.pid_exists(before)
    assert "PGPASSWORD" not in psutil.Process(after).environ()


def test_closed_pool_takes_no_call(pool: WorkerPool) -> None:
    pool.close(timeout_s=0)

    with pytest.raises(PoolClosedError):
        asyncio.run(call(pool, bytes))
