"""Worker processes by themselves; what they promise the decoder is in test_decoding.py."""

import asyncio
import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Iterator
from functools import partial

import pytest

from app.workers import (
    PoolClosedError,
    UnreadableAnswerError,
    Worker,
    WorkerEndedError,
    WorkerPool,
)

MAX_ANSWER_BYTES = 4_000_000


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    """Yield a pool of which no process may be left at the end."""
    made = WorkerPool(
        partial(Worker, os.getpid, read=pickle.loads, max_answer_bytes=MAX_ANSWER_BYTES)
    )
    yield made
    made.close(timeout_s=5)
    assert multiprocessing.active_children() == []


def test_large_messages_pass_both_ways(pool: WorkerPool) -> None:
    message = os.urandom(3_000_000)

    assert asyncio.run(pool.call(bytes, (message,))) == message


def test_error_of_a_job_says_where_it_was_raised(pool: WorkerPool) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        asyncio.run(pool.call(divmod, (1, 0)))

    assert "in _do" in caught.value.__notes__[0]


def test_workers_are_as_many_as_calls_at_a_time_and_are_used_again(pool: WorkerPool) -> None:
    async def call_twice_at_a_time() -> set[int]:
        calls = [pool.call(time.sleep, (0.3,)) for _ in range(2)]
        await asyncio.gather(*calls)
        return {await pool.call(os.getpid, ()) for _ in range(3)}

    (pid,) = asyncio.run(call_twice_at_a_time())

    workers = {worker.pid for worker in multiprocessing.active_children()}
    assert pid in workers
    assert len(workers) == 2


def test_who_stops_waiting_ends_the_worker_and_no_other(pool: WorkerPool) -> None:
    async def cancel_one_of_two() -> tuple[int, int]:
        job = asyncio.create_task(pool.call(time.sleep, (60,)))
        await asyncio.sleep(0.3)
        before = await pool.call(os.getpid, ())
        job.cancel()
        await asyncio.wait([job])
        return before, await pool.call(os.getpid, ())

    before, after = asyncio.run(cancel_one_of_two())

    assert before == after


def test_worker_that_ends_at_its_job_says_how(pool: WorkerPool) -> None:
    with pytest.raises(WorkerEndedError) as caught:
        asyncio.run(pool.call(signal.raise_signal, (signal.SIGKILL,)))

    assert (caught.value.exit_code, caught.value.has_begun) == (-signal.SIGKILL, True)


def test_worker_that_cannot_start_working_is_not_replaced_for_ever() -> None:
    pool = WorkerPool(
        partial(Worker, os.abort, read=pickle.loads, max_answer_bytes=MAX_ANSWER_BYTES)
    )

    with pytest.raises(WorkerEndedError) as caught:
        asyncio.run(pool.call(os.getpid, ()))

    pool.close(timeout_s=5)
    assert not caught.value.has_begun


@pytest.mark.parametrize("size", [MAX_ANSWER_BYTES, 1])
def test_answer_that_is_too_long_or_cannot_be_read_ends_the_worker(size: int) -> None:
    def refuse(_: bytes) -> None:
        raise pickle.PicklingError("no")

    pool = WorkerPool(partial(Worker, os.getpid, read=refuse, max_answer_bytes=MAX_ANSWER_BYTES))

    with pytest.raises(UnreadableAnswerError):
        asyncio.run(pool.call(bytes, (size,)))

    pool.close(timeout_s=0)
    assert multiprocessing.active_children() == []


def test_closed_pool_takes_no_call(pool: WorkerPool) -> None:
    pool.close(timeout_s=0)

    with pytest.raises(PoolClosedError):
        asyncio.run(pool.call(os.getpid, ()))
