"""Fixtures of pools of decode workers, which look for what they leave behind."""

import asyncio
import multiprocessing
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.decoding import DecodePool
from models.spec import ClipSpec
from models.video.job import DecodeJob
from models.video.limits import DecodeLimits
from models.video.windows import VideoWindows
from tests.app import jobs
from tests.media import barcode_frames, write_video

SPEC = ClipSpec(num_frames=4, window_s=1.0, size_px=64)
LIMITS = DecodeLimits()
JOB = DecodeJob(spec=SPEC, limits=LIMITS)

MakePool = Callable[..., DecodePool]


@pytest.fixture
def spool_dir(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder for results, in which nothing may be left at the end."""
    folder = tmp_path / "spool"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def make_pool(spool_dir: Path) -> Iterator[MakePool]:
    """Yield a maker of started pools, of which no process may be left at the end."""
    pools: list[DecodePool] = []

    def make(*, num_workers: int = 1, timeout_s: float = 20, **options: int) -> DecodePool:
        pool = DecodePool(
            num_workers=num_workers, timeout_s=timeout_s, spool_dir=spool_dir, **options
        )
        pools.append(pool)
        pool.start()
        return pool

    yield make
    for pool in pools:
        pool.close(timeout_s=5)
    assert multiprocessing.active_children() == []


@pytest.fixture
def video_path(tmp_path: Path) -> Path:
    return write_video(tmp_path / "video.mp4", barcode_frames(45))


def read(pool: DecodePool, path: Path, *, limits: DecodeLimits = LIMITS) -> VideoWindows:
    return asyncio.run(pool.read_windows(path, DecodeJob(spec=SPEC, limits=limits)))


def run_instead(pool: DecodePool, function: Any, *args: object) -> Coroutine[Any, Any, Any]:
    """Have a worker run something that no file can be made to do on purpose."""
    return pool._run(partial(jobs.run_instead, function, args), SPEC, LIMITS)


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)  # so often that no state is missed
