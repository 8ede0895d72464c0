"""A worker that is killed costs the request that it worked on, at whatever stage, and no other."""

import asyncio
import multiprocessing
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from app.decoding import DecodePool, DecodeWorkerDiedError
from models.video.job import DecodeJob
from tests.app import jobs
from tests.app.pools import LIMITS, SPEC, MakePool, read, wait_until


def kill_workers(pool: DecodePool) -> None:
    for worker in multiprocessing.active_children():
        os.kill(worker.pid or 0, signal.SIGKILL)


@pytest.mark.parametrize("stage", ["opening", "decoding"])
def test_worker_killed_at_work_costs_its_request(
    make_pool: MakePool, video_path: Path, tmp_path: Path, stage: jobs.Stage
) -> None:
    pool = make_pool()
    sign = tmp_path / "sign"
    decode = partial(jobs.decode_until, stage, video_path, DecodeJob(spec=SPEC), sign)

    async def kill_at_stage() -> None:
        job = asyncio.create_task(pool._run(decode, SPEC, LIMITS))
        await wait_until(sign.exists)
        kill_workers(pool)
        await job

    with pytest.raises(DecodeWorkerDiedError, match="exit code -9"):
        asyncio.run(kill_at_stage())

    assert read(pool, video_path).info.num_frames == 45


def test_workers_killed_before_a_job_cost_nothing(make_pool: MakePool, video_path: Path) -> None:
    pool = make_pool(num_workers=3)
    kill_workers(pool)

    assert read(pool, video_path).info.num_frames == 45


def test_worker_killed_after_its_result_costs_nothing(
    make_pool: MakePool, video_path: Path
) -> None:
    pool = make_pool()

    for _ in range(3):
        assert read(pool, video_path).info.num_frames == 45
        kill_workers(pool)
