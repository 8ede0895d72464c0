"""Decoding in worker processes: the same answers, and what bad luck costs."""

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app import decoding
from app.decoding import DecodePool, DecodeTimeoutError, DecodeWorkerDiedError
from app.gates import QueueFullError
from models.errors import InvalidFramesError, MediaLimitError, UnsupportedMediaError
from models.video.arrays import clips_to_windows, frames_to_windows
from models.video.decode import read_windows
from models.video.job import DecodeJob
from models.video.limits import DecodeLimits
from models.video.windows import VideoWindows
from tests.app import jobs
from tests.app.pools import JOB, LIMITS, SPEC, MakePool, read, run_instead, wait_until
from tests.media import barcode_frames, encode_image, write_video


def assert_same(one: VideoWindows, other: VideoWindows) -> None:
    assert np.array_equal(one.windows_NTHWC, other.windows_NTHWC)
    assert (one.spans, one.info) == (other.spans, other.info)


def test_worker_gives_what_this_process_would(make_pool: MakePool, video_path: Path) -> None:
    video = read(make_pool(), video_path)

    assert_same(video, read_windows(video_path, SPEC))
    assert video.windows_NTHWC.flags.writeable


def test_images_are_decoded_by_the_worker(make_pool: MakePool, tmp_path: Path) -> None:
    frames_THWC = barcode_frames(8)
    paths = [tmp_path / str(index) for index in range(8)]
    for path, frame_HWC in zip(paths, frames_THWC, strict=True):
        path.write_bytes(encode_image(frame_HWC))

    video = asyncio.run(
        make_pool().read_images(paths, SPEC, frame_rate_hz=8, stride_s=None, limits=LIMITS)
    )

    expected = frames_to_windows(frames_THWC, SPEC, frame_rate_hz=8)
    assert np.array_equal(video.windows_NTHWC, expected.windows_NTHWC)
    assert video.info.container == "images"


@pytest.mark.parametrize(("frame_rate_hz", "num_windows"), [(4.0, 2), (None, 1)])
def test_array_of_frames_is_a_video_or_one_window_without_a_rate(
    make_pool: MakePool, tmp_path: Path, frame_rate_hz: float | None, num_windows: int
) -> None:
    np.save(tmp_path / "frames.npy", barcode_frames(8))

    video = asyncio.run(
        make_pool().read_array(
            tmp_path / "frames.npy",
            SPEC,
            frame_rate_hz=frame_rate_hz,
            stride_s=None,
            limits=LIMITS,
        )
    )

    rate_hz = frame_rate_hz or 8
    assert len(video.spans) == num_windows
    assert_same(video, frames_to_windows(barcode_frames(8), SPEC, frame_rate_hz=rate_hz))


def test_array_of_clips_is_windows(make_pool: MakePool, tmp_path: Path) -> None:
    clips_NTHWC = barcode_frames(8).reshape(2, 4, 64, 64, 3)
    np.save(tmp_path / "clips.npy", clips_NTHWC)

    video = asyncio.run(
        make_pool().read_array(
            tmp_path / "clips.npy", SPEC, frame_rate_hz=None, stride_s=None, limits=LIMITS
        )
    )

    assert_same(video, clips_to_windows(clips_NTHWC, SPEC))


def test_media_errors_come_back_as_themselves(
    make_pool: MakePool, video_path: Path, tmp_path: Path
) -> None:
    pool = make_pool()
    text, array = tmp_path / "text", tmp_path / "array.npy"
    text.write_text("hello")
    np.save(array, np.zeros((4, 8, 8, 3), np.float32))

    with pytest.raises(UnsupportedMediaError, match="file starts with b'hello'"):
        read(pool, text)
    with pytest.raises(MediaLimitError) as caught:
        read(pool, video_path, limits=DecodeLimits(max_frames=44))
    with pytest.raises(InvalidFramesError, match="float32"):
        asyncio.run(pool.read_array(array, SPEC, frame_rate_hz=None, stride_s=None, limits=LIMITS))

    assert (caught.value.limit, caught.value.accepted) == ("max_frames", 44)


def test_crash_costs_one_job_only(make_pool: MakePool, video_path: Path) -> None:
    pool = make_pool()

    with pytest.raises(DecodeWorkerDiedError, match="exit code -6"):
        asyncio.run(run_instead(pool, os.abort))

    assert read(pool, video_path).info.num_frames == 45


def test_crash_leaves_the_jobs_beside_it_alone(make_pool: MakePool, video_path: Path) -> None:
    pool = make_pool(num_workers=2)

    async def run_all() -> list[Any]:
        jobs = [pool.read_windows(video_path, JOB) for _ in range(6)]
        return await asyncio.gather(run_instead(pool, os.abort), *jobs, return_exceptions=True)

    crashed, *videos = asyncio.run(run_all())

    assert isinstance(crashed, DecodeWorkerDiedError)
    assert [video.info.num_frames for video in videos if isinstance(video, VideoWindows)] == [
        45
    ] * 6


def test_memory_bomb_costs_one_job_only(make_pool: MakePool, video_path: Path) -> None:
    pool = make_pool(max_worker_bytes=2**30)

    for allocate in (bytearray, jobs.allocate_array):
        with pytest.raises(DecodeWorkerDiedError, match="more than 1073741824 bytes"):
            asyncio.run(run_instead(pool, allocate, 2**31))

    assert read(pool, video_path).info.num_frames == 45


def test_hang_is_ended_at_the_timeout(make_pool: MakePool, video_path: Path) -> None:
    pool = make_pool(timeout_s=0.5)
    started = time.perf_counter()

    with pytest.raises(DecodeTimeoutError, match=r"longer than 0\.5 s"):
        asyncio.run(run_instead(pool, time.sleep, 60))

    assert time.perf_counter() - started < 10
    assert read(pool, video_path).info.num_frames == 45


def test_worker_that_dies_idle_is_replaced(make_pool: MakePool, video_path: Path) -> None:
    pool = make_pool()
    for worker in multiprocessing.active_children():
        os.kill(worker.pid or 0, signal.SIGKILL)
        worker.join()

    assert read(pool, video_path).info.num_frames == 45


def test_worker_that_died_just_now_is_replaced(make_pool: MakePool, video_path: Path) -> None:
    pool = make_pool()
    for worker in multiprocessing.active_children():
        os.kill(worker.pid or 0, signal.SIGKILL)

    assert read(pool, video_path).info.num_frames == 45


def test_job_that_may_not_wait_is_refused(make_pool: MakePool) -> None:
    pool = make_pool(max_waiting=1)

    async def overfill() -> None:
        jobs = [asyncio.create_task(run_instead(pool, time.sleep, 60)) for _ in range(2)]
        await wait_until(lambda: pool.num_waiting == 1)
        assert pool.num_active == 1
        try:
            with pytest.raises(QueueFullError, match="decode is full: accepted are 1 at work"):
                await run_instead(pool, time.sleep, 60)
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.wait(jobs)

    asyncio.run(overfill())

    assert (pool.num_waiting, pool.num_active) == (0, 0)


def test_cancelled_job_frees_its_worker(make_pool: MakePool, video_path: Path) -> None:
    pool = make_pool()

    async def cancel_running_and_read() -> VideoWindows:
        job = asyncio.create_task(run_instead(pool, time.sleep, 60))
        await wait_until(lambda: pool.num_active == 1)
        await asyncio.sleep(0.2)
        job.cancel()
        return await pool.read_windows(video_path, JOB)

    assert asyncio.run(cancel_running_and_read()).info.num_frames == 45


def test_cancelled_wait_leaves_the_running_job_alone(make_pool: MakePool, video_path: Path) -> None:
    pool = make_pool()

    async def cancel_waiting() -> VideoWindows:
        running = asyncio.create_task(pool.read_windows(video_path, JOB))
        waiting = asyncio.create_task(run_instead(pool, time.sleep, 60))
        await wait_until(lambda: pool.num_waiting == 1)
        waiting.cancel()
        return await running

    assert asyncio.run(cancel_waiting()).info.num_frames == 45


def test_close_lets_the_running_job_finish(make_pool: MakePool, video_path: Path) -> None:
    pool = make_pool()

    async def close_while_running() -> VideoWindows:
        job = asyncio.create_task(pool.read_windows(video_path, JOB))
        await wait_until(lambda: pool.num_active == 1)
        await asyncio.to_thread(pool.close, timeout_s=5)
        return await job

    assert asyncio.run(close_while_running()).info.num_frames == 45


def test_close_does_not_wait_longer_than_it_may(make_pool: MakePool) -> None:
    pool = make_pool()

    async def close_while_hanging() -> float:
        job = asyncio.create_task(run_instead(pool, time.sleep, 60))
        await wait_until(lambda: pool.num_active == 1)
        await asyncio.sleep(0.2)
        started = time.perf_counter()
        await asyncio.to_thread(pool.close, timeout_s=0.2)
        job.cancel()
        await asyncio.wait([job])
        return time.perf_counter() - started

    assert asyncio.run(close_while_hanging()) < 5


def test_closed_pool_takes_no_job(make_pool: MakePool, video_path: Path) -> None:
    pool = make_pool()
    pool.close(timeout_s=1)

    with pytest.raises(DecodeWorkerDiedError, match="shut down"):
        read(pool, video_path)


def test_pool_that_never_started_closes(spool_dir: Path) -> None:
    DecodePool(num_workers=1, timeout_s=1, spool_dir=spool_dir).close(timeout_s=1)

    assert multiprocessing.active_children() == []


def test_worker_that_is_late_makes_no_file(spool_dir: Path, video_path: Path) -> None:
    read_video = partial(decoding._read_video, video_path, DecodeJob(spec=SPEC))

    with pytest.raises(FileNotFoundError):
        decoding._work(spool_dir / "gone", read_video)


def test_this_process_does_not_load_ffmpeg() -> None:
    code = "import sys, app.decoding; sys.exit('av' in sys.modules or 'torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("kind", ["video", "images", "frames", "clips"])
def test_work_leaves_the_windows_in_the_file(tmp_path: Path, video_path: Path, kind: str) -> None:
    image, frames, clips = (tmp_path / name for name in ("image", "frames", "clips"))
    image.write_bytes(encode_image(barcode_frames(1)[0]))
    with frames.open("wb") as file:
        np.save(file, barcode_frames(4))
    with clips.open("wb") as file:
        np.save(file, barcode_frames(4)[None])
    options = {"stride_s": None, "limits": LIMITS, "frame_rate_hz": 4.0}
    reads: dict[str, decoding.Read] = {
        "video": partial(decoding._read_video, video_path, DecodeJob(spec=SPEC)),
        "images": partial(decoding._read_images, [image] * 4, SPEC, options),
        "frames": partial(decoding._read_array, frames, SPEC, options),
        "clips": partial(decoding._read_array, clips, SPEC, options),
    }
    result = tmp_path / "result"
    result.touch()

    spans, _ = decoding._work(result, reads[kind])

    assert result.stat().st_size == len(spans) * np.prod(SPEC.clip_shape)


def test_blocks_of_a_mapped_file_are_its_windows_however_often_they_are_read(
    make_pool: MakePool, tmp_path: Path
) -> None:
    path = write_video(tmp_path / "long.mp4", barcode_frames(30 * 40))

    video = read(make_pool(), path)

    expected = read_windows(path, SPEC)
    for _ in range(2):
        blocks = [block_NTHWC.copy() for block_NTHWC in video.blocks()]
        assert [len(block_NTHWC) for block_NTHWC in blocks] == [32, 8]
        assert np.array_equal(np.concatenate(blocks), expected.windows_NTHWC)
