"""Files that are read while they are still being received."""

import asyncio
from pathlib import Path

import pytest

from app.arrivals import ALL_BYTES, COMPLETE, Arrival, ArrivingFile


class Told:
    """Says how far a file may be read: so far, then so far, then all."""

    def __init__(self, *told: int) -> None:
        self.asked: list[int] = []
        self._told = iter(told)

    def __call__(self, num_bytes: int) -> int:
        self.asked.append(num_bytes)
        return next(self._told)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    return path


def test_file_is_read_as_far_as_was_told(path: Path) -> None:
    told = Told(4 << 1, 8 << 1, 10 << 1 | COMPLETE)

    with ArrivingFile(path, told) as file:
        pieces = [file.read(2), file.read(2), file.read(3), file.read(9), file.read(9)]

    assert pieces == [b"01", b"23", b"456", b"789", b""]
    assert told.asked == [2, 7, 16]


def test_file_is_asked_for_until_there_is_enough(path: Path) -> None:
    told = Told(1 << 1, 2 << 1, 6 << 1)

    with ArrivingFile(path, told) as file:
        assert file.read(5) == b"01234"

    assert told.asked == [5, 5, 5]


def test_reader_may_go_back_though_ffmpeg_may_not(path: Path) -> None:
    told = Told(10 << 1 | COMPLETE)

    with ArrivingFile(path, told) as file:
        assert not file.seekable()
        assert file.read() == b"0123456789"
        file.seek(0)
        assert file.read(3) == b"012"

    assert told.asked == [ALL_BYTES]


async def waits(arrival: Arrival, num_bytes: int) -> "asyncio.Task[None]":
    task = asyncio.create_task(arrival.reach(num_bytes))
    await asyncio.sleep(0)
    assert not task.done()
    return task


def test_arrival_is_waited_for_until_there_is_enough_or_all(path: Path) -> None:
    async def run() -> None:
        arrival = Arrival(path)
        task = await waits(arrival, 5)
        arrival.grow(4)
        await asyncio.sleep(0)
        assert not task.done()
        arrival.grow(2)
        await task
        task = await waits(arrival, 7)
        arrival.end()
        await task

    asyncio.run(run())
